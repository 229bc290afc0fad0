"""Uploads: stored and never parsed, under names of our own, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import AsyncClient, Client
from django.test.client import encode_multipart

from minirag.errors import QuotaExceeded
from sources.models import Document
from sources.orphans import remove_orphans
from sources.services import add_upload
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import PASSWORD, person, token_of
from tests.sources.rows import acting, make_document, make_source


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """An empty storage of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    yield settings.MEDIA_ROOT


def stored(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file())


@pytest.fixture
def source_id(tenant: Tenant) -> str:
    with tenant_scope(tenant.pk):
        return str(make_source(tenant, type="file", content="").pk)


def upload(client: Client, source_id: str, *files: tuple[str, bytes], **extra: Any) -> Any:
    data = {"file": [SimpleUploadedFile(name, content) for name, content in files], **extra}
    return client.post(f"/v1/sources/{source_id}/upload", data)


def test_files_are_stored_whole_and_appear_as_pending(
    client_a: Client, source_id: str, tenant: Tenant, store: Path
) -> None:
    answer = upload(client_a, source_id, ("a.md", b"# A"), ("b.pdf", b"not a pdf at all"))
    assert answer.status_code == 201, answer.content
    documents = answer.json()["documents"]
    assert [(row["key"], row["status"]) for row in documents] == [
        ("a.md", "pending"),
        ("b.pdf", "pending"),
    ]
    assert [row["mime_type"] for row in documents] == ["text/markdown", "application/pdf"]
    files = stored(store)
    assert {path.read_bytes() for path in files} == {b"# A", b"not a pdf at all"}
    assert all(path.parent == store / str(tenant.pk) / source_id for path in files)
    listed = client_a.get(f"/v1/sources/{source_id}/documents").json()["results"]
    assert {row["id"] for row in listed} == {row["id"] for row in documents}


def test_two_files_of_one_name_are_refused_together(client_a: Client, source_id: str) -> None:
    """One would take the other's place, without a word."""
    answer = upload(
        client_a, source_id, ("a/read.me", b"one"), ("b/read.me", b"two"), ("c.md", b"3")
    )
    assert answer.status_code == 400 and "read.me" in answer.json()["error"]["fields"]["file"][0]
    assert client_a.get(f"/v1/sources/{source_id}/documents").json()["results"] == []


@pytest.mark.parametrize("cut", [3, 6, 40, 140])
def test_a_form_that_breaks_off_is_refused_whole(
    client_a: Client, source_id: str, store: Path, cut: int
) -> None:
    files = [SimpleUploadedFile(name, b"Some text.") for name in ("one.txt", "two.txt")]
    body = encode_multipart("frontier", {"file": files})
    path = f"/v1/sources/{source_id}/upload"
    form = "multipart/form-data; boundary=frontier"
    answer = client_a.post(path, body[:-cut], content_type=form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert stored(store) == []
    assert client_a.post(path, body + b"after the end", content_type=form).status_code == 201


def test_too_many_files_are_told_how_many_may_come(client_a: Client, source_id: str) -> None:
    answer = upload(client_a, source_id, *[(f"{n}.md", b"x") for n in range(101)])
    assert answer.status_code == 413 and "100 files" in answer.json()["error"]["message"]


def test_the_original_comes_back_as_an_attachment(client_a: Client, source_id: str) -> None:
    name, content = 'ü "quoted"; x.html', b"<script>alert(1)</script>" * 9_000
    (document,) = upload(client_a, source_id, (name, content)).json()["documents"]
    answer: Any = client_a.get(f"/v1/documents/{document['id']}/file")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert "\n" not in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == str(len(content))
    assert b"".join(answer) == content


def test_a_document_without_a_stored_original_has_no_file(client_a: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        bare = make_document(source)
        lost = make_document(source, upload="nowhere/at/all")
    assert client_a.get(f"/v1/documents/{bare.pk}/file").status_code == 404
    assert client_a.get(f"/v1/documents/{lost.pk}/file").status_code == 404


def test_the_same_key_replaces_at_the_next_ingest_and_keeps_one_file_waiting(
    client_a: Client,
    source_id: str,
    tenant: Tenant,
    store: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with tenant_scope(tenant.pk):
        live = default_storage.save("live", ContentFile(b"old"))
        source = make_document(make_source(tenant, type="file"), key="a.md", upload=live).source
    for content in (b"new", b"newer"):
        with django_capture_on_commit_callbacks(execute=True):
            answer = upload(client_a, str(source.pk), ("a.md", content))
        assert answer.status_code == 201
    with tenant_scope(tenant.pk):
        document = Document.objects.get(source=source)
    assert document.upload == live and document.text
    assert default_storage.open(document.pending_upload).read() == b"newer"
    assert {path.read_bytes() for path in stored(store)} == {b"old", b"newer"}
    assert b"".join(client_a.get(f"/v1/documents/{document.pk}/file")) == b"old"


@pytest.mark.parametrize("kind", ["text", "url"])
def test_only_a_file_source_takes_files(
    client_a: Client, tenant: Tenant, kind: str, store: Path
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant, type=kind)
    answer = upload(client_a, str(source.pk), ("a.md", b"x"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert stored(store) == []


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "file"),
        ({"file": "text"}, "file"),
        ({"file": SimpleUploadedFile("a.md", b"x"), "key": "b.md"}, "key"),
        ({"other": SimpleUploadedFile("a.md", b"x")}, "other"),
    ],
)
def test_a_wrong_form_is_refused(
    client_a: Client, source_id: str, data: dict[str, Any], field: str, store: Path
) -> None:
    answer = client_a.post(f"/v1/sources/{source_id}/upload", data)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert stored(store) == []


def test_a_packed_form_is_refused_in_its_own_words(client_a: Client, source_id: str) -> None:
    answer = client_a.post(
        f"/v1/sources/{source_id}/upload", {"file": "x"}, headers={"content-encoding": "gzip"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding" in answer.json()["error"]["message"]


def test_json_is_no_upload(client_a: Client, source_id: str) -> None:
    answer = client_a.post(
        f"/v1/sources/{source_id}/upload", {"file": "x"}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_an_empty_file_is_taken_and_fails_alone_later(client_a: Client, source_id: str) -> None:
    assert upload(client_a, source_id, ("empty.md", b"")).status_code == 201


def test_a_file_past_the_limit_is_refused_and_leaves_nothing(
    client_a: Client, source_id: str, settings: Any, store: Path
) -> None:
    settings.MINIRAG_MAX_UPLOAD_BYTES = 10
    assert upload(client_a, source_id, ("a.md", b"x" * 10)).status_code == 201
    before = stored(store)
    answer = upload(client_a, source_id, ("b.md", b"fine"), ("c.md", b"x" * 11))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert stored(store) == before
    assert len(client_a.get(f"/v1/sources/{source_id}/documents").json()["results"]) == 1


@pytest.mark.parametrize("limit", [{"max_documents": 2}, {"max_bytes": 8}])
def test_a_tenants_limit_holds_for_the_whole_request(
    client_a: Client, source_id: str, tenant: Tenant, limit: dict[str, int], store: Path
) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=tenant.pk).update(**limit)
    assert upload(client_a, source_id, ("a.md", b"1234"), ("b.md", b"1234")).status_code == 201
    before = stored(store)
    answer = upload(client_a, source_id, ("a.md", b"1234"), ("c.md", b"1234"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_exceeded")
    assert answer["Retry-After"] == "3600", "no waiting of seconds makes room"
    assert stored(store) == before
    # Replacing what is there stays within the limit.
    assert upload(client_a, source_id, ("a.md", b"4321")).status_code == 201


def test_a_failing_storage_leaves_neither_rows_nor_files(
    client_a: Client, source_id: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = default_storage.save, []

    def failing(name: str, content: Any, **extra: Any) -> str:
        calls.append(name)
        if len(calls) == 2:
            raise OSError("disk full")
        saved: str = save(name, content, **extra)
        return saved

    monkeypatch.setattr(default_storage, "save", failing, raising=False)
    answer = upload(client_a, source_id, ("a.md", b"a"), ("b.md", b"b"))
    assert answer.status_code in (500, 503)
    assert stored(store) == []
    assert client_a.get(f"/v1/sources/{source_id}/documents").json()["results"] == []


@pytest.mark.django_db(transaction=True)
def test_at_the_edge_of_the_limit_exactly_as_many_pass_as_fit(tenant: Tenant, store: Path) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=tenant.pk).update(max_documents=5)
        source = make_source(tenant, type="file")
    start = Barrier(8)

    def send(number: int) -> bool:
        try:
            start.wait()
            add_upload(acting(tenant), source, ContentFile(b"x", name=f"{number}.md"))
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    with tenant_scope(tenant.pk), ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(copy_context().run, send, number) for number in range(8)]
        assert sum(future.result() for future in futures) == 5
        assert Document.objects.count() == 5
    assert len(stored(store)) == 5


@pytest.mark.django_db(transaction=True)
async def test_a_download_streams_over_asgi(tenant: Tenant) -> None:
    def prepare() -> tuple[str, str]:
        with tenant_scope(tenant.pk):
            source = make_source(tenant, type="file")
            file = ContentFile(b"x" * 200_000, name="a.bin")
            document = add_upload(acting(tenant), source, file)
        return token_of(tenant), f"/v1/documents/{document.pk}/file"

    token, path = await sync_to_async(prepare)()
    answer: Any = await AsyncClient().get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.content
    blocks = [block async for block in answer.streaming_content]
    assert b"".join(blocks) == b"x" * 200_000
    assert len(blocks) > 1


def test_files_without_a_row_are_removed_once_they_are_old(
    client_a: Client, source_id: str, tenant: Tenant, store: Path
) -> None:
    with platform_scope("tests"):
        assert remove_orphans(timedelta()) == 0
    upload(client_a, source_id, ("a.md", b"kept"))
    for name in (f"{tenant.pk}/{source_id}/left", f"{tenant.pk}/{uuid4()}/gone", "not/ours"):
        default_storage.save(name, ContentFile(b"x"))
    with platform_scope("tests"):
        assert remove_orphans(timedelta(hours=1)) == 0
        assert remove_orphans(timedelta(seconds=-1)) == 2
    assert {path.read_bytes() for path in stored(store)} == {b"kept", b"x"}


def test_a_session_uploads_with_its_csrf_token(tenant: Tenant, source_id: str, store: Path) -> None:
    person(tenant, email="editor@acorn.test")
    client = Client(enforce_csrf_checks=True)
    client.get("/console/login/")
    client.post(
        "/console/login/",
        {
            "username": "editor@acorn.test",
            "password": PASSWORD,
            "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
        },
    )
    assert upload(client, source_id, ("a.md", b"x")).status_code == 403
    token = client.cookies["csrftoken"].value
    answer = upload(client, source_id, ("a.md", b"x"), csrfmiddlewaretoken=token)
    assert answer.status_code == 201, answer.content
    assert len(stored(store)) == 1
