"""Zip archives in file sources: entries are documents, an archive of the same name is a diff."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from ingestion.models import JobState
from ingestion.services import schedule_document_delete
from minirag.errors import Conflict
from sources.models import Chunk, Document, DocumentStatus, Source, SourceStatus
from sources.services import add_uploads
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant, code, run_due
from tests.ingestion.web import words


def packed(**files: str | bytes) -> bytes:
    """``guide__intro_md="…"`` becomes ``guide/intro.md``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            stem, _, suffix = name.replace("__", "/").rpartition("_")
            archive.writestr(f"{stem}.{suffix}", content)
    return out.getvalue()


def texts(plant: Plant, source: Source) -> dict[str, str]:
    return {key: row.text for key, row in plant.documents(source).items() if row.generation}


def test_each_file_of_an_archive_is_a_document(plant: Plant) -> None:
    data = packed(a_md=words("apples"), guide__b_md=words("bears"), bad_pdf=b"%PDF-1.7 not one")
    source = plant.files(docs_zip=data, plain_txt=words("plain"))
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL and plant.source(source).status == SourceStatus.PARTIAL
    documents = plant.documents(source)
    assert set(documents) == {"docs.zip", "a.md", "guide/b.md", "bad.pdf", "plain.txt"}
    archive = documents["docs.zip"]
    assert (archive.status, archive.text, archive.error) == (DocumentStatus.READY, "", None)
    assert documents["guide/b.md"].container_id == archive.pk
    assert code(documents["bad.pdf"]) == "unreadable_source"
    assert documents["a.md"].size_bytes == len(words("apples"))
    assert not [c for c in plant.chunks(source) if c.document_id == archive.pk]
    plant.check(source)


def test_an_archive_of_the_same_name_is_a_diff(plant: Plant) -> None:
    source = plant.files(d_zip=packed(same_md=words("same"), old_md=words("old"), go_md="Gone."))
    plant.ingest(source)
    before = plant.documents(source)
    with platform_scope("tests"):
        Chunk.objects.filter(document_id=before["old.md"].pk).update(enabled=False)
    plant.embedder.calls.clear()
    plant.upload(
        source,
        d_zip=packed(same_md=words("same"), moved__old_md=words("old"), new_md=words("new")),
    )
    # The old version answers until the next ingest.
    assert set(texts(plant, source)) == {"same.md", "old.md", "go.md"}
    assert plant.ingest(source).state == JobState.SUCCEEDED
    after = plant.documents(source)
    assert set(after) == {"d.zip", "same.md", "moved/old.md", "new.md"}
    assert after["same.md"].generation == 1 and after["same.md"].pk == before["same.md"].pk
    assert after["moved/old.md"].pk == before["old.md"].pk
    assert after["moved/old.md"].title == "moved/old.md"
    assert plant.embedder.texts and all("new" in text for text in plant.embedder.texts)
    with platform_scope("tests"):
        moved = Chunk.objects.filter(document_id=before["old.md"].pk)
        assert not moved.filter(enabled=True).exists() and moved.exists()
    plant.check(source)


def test_the_same_again_reads_nothing(plant: Plant, monkeypatch: Any) -> None:
    source = plant.files(d_zip=packed(a_md=words("a"), b_md=words("b")), c_txt=words("c"))
    plant.ingest(source)
    before = {(c.id, c.qdrant_point_id) for c in plant.chunks(source)}
    plant.embedder.calls.clear()

    def broken(*_: Any) -> Any:
        raise AssertionError("a stored file was read again")

    monkeypatch.setattr("ingestion.loaders.file.default_storage.open", broken)
    job = plant.ingest(source)
    assert job.state == JobState.SUCCEEDED and job.done == job.total == len(before)
    assert {(c.id, c.qdrant_point_id) for c in plant.chunks(source)} == before
    assert not plant.embedder.calls


def test_pruning_of_an_archive_can_be_switched_off(plant: Plant) -> None:
    source = plant.files(d_zip=packed(a_md=words("a"), b_md=words("b")))
    with platform_scope("tests"):
        Source.objects.filter(pk=source.pk).update(options={"prune": False})
    plant.ingest(source)
    plant.upload(source, d_zip=packed(a_md=words("a")))
    plant.ingest(source)
    assert set(texts(plant, source)) == {"a.md", "b.md"}


def test_a_damaged_new_archive_keeps_what_stood(plant: Plant) -> None:
    source = plant.files(d_zip=packed(a_md=words("a")))
    plant.ingest(source)
    points = plant.points(source)
    plant.upload(source, d_zip=b"PK\x03\x04 broken")
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and plant.source(source).status == SourceStatus.PARTIAL
    assert set(texts(plant, source)) == {"a.md"} and plant.points(source) == points
    assert code(plant.documents(source)["d.zip"]) == "unreadable_source"


def test_a_name_that_is_taken_fails_alone(plant: Plant) -> None:
    source = plant.files(a_md=words("mine"), d_zip=packed(a_md=words("theirs"), b_md=words("b")))
    assert plant.ingest(source).state == JobState.PARTIAL
    documents = plant.documents(source)
    assert "mine" in documents["a.md"].text
    assert code(documents["d.zip/a.md"]) == "conflict"
    assert "a.md" in (documents["d.zip/a.md"].error or {})["message"]
    with tenant_scope(plant.tenant.pk):
        schedule_document_delete(plant.auth, documents["a.md"])
    run_due()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    documents = plant.documents(source)
    assert set(documents) == {"d.zip", "a.md", "b.md"} and "theirs" in documents["a.md"].text
    files = [ContentFile(b"x", name=name) for name in ("new.md", "a.md")]
    with tenant_scope(plant.tenant.pk), pytest.raises(Conflict) as caught:
        add_uploads(plant.auth, source, files)  # a request's files are taken all or none
    assert "a.md" in caught.value.message
    assert set(plant.documents(source)) == set(documents)


def test_deleting_the_archive_deletes_its_entries(plant: Plant) -> None:
    source = plant.files(d_zip=packed(a_md=words("a"), b_md=words("b")), c_txt=words("c"))
    plant.ingest(source)
    with tenant_scope(plant.tenant.pk):
        schedule_document_delete(plant.auth, plant.documents(source)["d.zip"])
    assert set(plant.documents(source)) == {"c.txt"}
    run_due()
    with platform_scope("tests"):
        assert Document.objects.filter(source_id=source.pk).count() == 1
    plant.check(source)


@pytest.mark.parametrize("limit", ["documents", "bytes"])
def test_entries_count_for_the_quota(plant: Plant, limit: str) -> None:
    data = packed(**{f"f{n}_md": words(f"file {n}") for n in range(5)})
    source = plant.files(d_zip=data)
    with platform_scope("tests"):
        room = {"max_documents": 4}
        if limit == "bytes":
            room = {"max_bytes": len(data) + 3 * len(words("file 0")) + 10}
        Tenant.objects.filter(pk=plant.tenant.pk).update(**room)
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL and code(job) == "quota_exceeded"
    assert len(texts(plant, source)) == 3
    assert len(plant.documents(source)) == 4


def test_an_entry_is_handed_out_as_it_was(plant: Plant, client_a: Client) -> None:
    inside = words("bytes").encode()
    source = plant.files(d_zip=packed(guide__a_md=inside))
    plant.ingest(source)
    entry = plant.documents(source)["guide/a.md"]
    answer: Any = client_a.get(f"/v1/documents/{entry.pk}/file")
    assert b"".join(answer) == inside
    assert (
        answer["X-Content-Type-Options"] == "nosniff"
        and "attachment" in answer["Content-Disposition"]
    )
    shown = client_a.get(f"/v1/documents/{entry.pk}").json()
    assert shown["container_id"] == str(plant.documents(source)["d.zip"].pk)
    # A newer archive waits, and has no such file: the live one is asked.
    plant.upload(source, d_zip=packed(b_md=words("b")))
    again: Any = client_a.get(f"/v1/documents/{entry.pk}/file")
    assert b"".join(again) == inside
