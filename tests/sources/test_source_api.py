"""Sources over HTTP: what they hold, who sees them, what is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sources.models import Source
from sources.services import update_source
from tenants.models import AuditEvent, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import client_for, token_of
from tests.sources.rows import acting, make_chunk, make_document, make_source

TEXT = {"name": "Handbook", "type": "text", "content": "Leave is 30 days."}


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"/v1/{path}", body, content_type="application/json")


def patch(client: Client, path: str, body: Any) -> Any:
    return client.patch(f"/v1/{path}", body, content_type="application/json")


def created(client: Client, **values: Any) -> dict[str, Any]:
    answer = post(client, "sources", {**TEXT, **values})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_a_source_is_made_read_listed_and_changed(client_a: Client) -> None:
    source = created(client_a, metadata={"team": "people", "year": 2026, "open": True, "w": 0.5})
    assert source["status"] == "pending" and source["error"] is None and source["url"] is None
    assert source["counts"] == {"documents": 0, "chunks": 0, "tokens": 0, "failed": 0}
    assert source["last_ingested_at"] is None
    path = f"sources/{source['id']}"
    assert client_a.get(f"/v1/{path}").json() == source
    assert client_a.get("/v1/sources").json()["results"] == [source]
    changed = patch(client_a, path, {"name": " New ", "metadata": {"w": None, "year": 2027}}).json()
    assert changed["name"] == "New"
    assert changed["metadata"] == {"team": "people", "year": 2027, "open": True}
    assert changed["content"] == TEXT["content"]


@pytest.mark.parametrize("field", ["metadata_changes", "options"])
def test_of_two_changes_at_once_neither_is_lost(tenant: Tenant, field: str) -> None:
    """Both found the source as it was before either."""
    with tenant_scope(tenant.pk):
        made = make_source(tenant, type="crawl", content="", url="https://a.example/")
        first, second = Source.objects.get(pk=made.pk), Source.objects.get(pk=made.pk)
        update_source(acting(tenant), first, **{field: {"depth": 1}})
        update_source(acting(tenant), second, **{field: {"max_pages": 7}})
        kept = Source.objects.get(pk=made.pk)
    whole = kept.options if field == "options" else kept.metadata
    assert whole == {"depth": 1, "max_pages": 7}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x"}, "type"),
        ({**TEXT, "name": ""}, "name"),
        ({**TEXT, "name": "   "}, "name"),
        ({**TEXT, "name": "x" * 201}, "name"),
        ({**TEXT, "name": 5}, "name"),
        ({**TEXT, "name": None}, "name"),
        ({**TEXT, "name": ["x"]}, "name"),
        ({**TEXT, "name": "a\nb"}, "name"),
        ({**TEXT, "name": "a\x00b"}, "name"),
        ({**TEXT, "type": "ftp"}, "type"),
        ({**TEXT, "type": 1}, "type"),
        ({"name": "x", "type": "text"}, "content"),
        ({**TEXT, "content": ""}, "content"),
        ({**TEXT, "content": " \n\t "}, "content"),
        ({**TEXT, "content": None}, "content"),
        ({**TEXT, "content": 7}, "content"),
        ({**TEXT, "content": "a\x00b"}, "content"),
        ({**TEXT, "content": "x" * 5_000_001}, "content"),
        ({**TEXT, "url": "https://example.com/"}, "url"),
        ({"name": "x", "type": "url"}, "url"),
        ({"name": "x", "type": "url", "url": "not an address"}, "url"),
        ({"name": "x", "type": "url", "url": 5}, "url"),
        ({"name": "x", "type": "url", "url": "https://e.com/" + "a" * 3000}, "url"),
        ({"name": "x", "type": "url", "url": "https://e.com/", "content": "y"}, "content"),
        ({"name": "x", "type": "file", "content": "y"}, "content"),
        ({**TEXT, "metadata": []}, "metadata"),
        ({**TEXT, "metadata": None}, "metadata"),
        ({**TEXT, "metadata": {"a": None}}, "metadata"),
        ({**TEXT, "metadata": {"a": [1]}}, "metadata"),
        ({**TEXT, "metadata": {"a": {"b": 1}}}, "metadata"),
        ({**TEXT, "metadata": {"": 1}}, "metadata"),
        ({**TEXT, "metadata": {"a": 2**60}}, "metadata"),
        ({**TEXT, "metadata": {"a": "x" * 1001}}, "metadata"),
        ({**TEXT, "metadata": {"a" * 101: 1}}, "metadata"),
        ({**TEXT, "metadata": {"a": "\x00"}}, "metadata"),
        ({**TEXT, "metadata": {f"k{n}": n for n in range(51)}}, "metadata"),
        ({**TEXT, "refresh": "daily"}, "refresh"),
        ({**TEXT, "refresh": "yearly"}, "refresh"),
        ({**TEXT, "refresh": None}, "refresh"),
        ({**TEXT, "refresh": 1}, "refresh"),
        ({**TEXT, "options": []}, "options"),
        ({**TEXT, "options": None}, "options"),
        ({**TEXT, "options": {"prune": True}}, "options.prune"),
        ({**TEXT, "next_refresh_at": None}, "next_refresh_at"),
        ({"name": "x", "type": "sitemap"}, "url"),
        ({"name": "x", "type": "crawl", "url": None}, "url"),
        ({"name": "x", "type": "file", "refresh": "daily"}, "refresh"),
        ({**TEXT, "status": "ready"}, "status"),
        ({**TEXT, "tenant_id": str(uuid4())}, "tenant_id"),
        ({**TEXT, "id": str(uuid4())}, "id"),
    ],
)
def test_wrong_input_is_refused_by_the_fields_name(
    client_a: Client, body: dict[str, Any], field: str
) -> None:
    answer = post(client_a, "sources", body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid"
    assert field in error["fields"]
    with platform_scope("tests"):
        assert not Source.objects.exists()


@pytest.mark.parametrize("url", ["http://xn--/", "http://[::1", "http://ex ample.com"])
def test_an_address_that_cannot_be_one_is_refused_by_its_name(client_a: Client, url: str) -> None:
    answer = post(client_a, "sources", {"name": "x", "type": "url", "url": url})
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"].keys() == {"url"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[64:ff9b::7f00:1]/",
        "file:///etc/passwd",
        "https://example.com:8443/",
        "https://user:pw@example.com/",
    ],
)
def test_an_address_that_may_not_be_fetched_is_refused_when_it_is_given(
    client_a: Client, url: str
) -> None:
    answer = post(client_a, "sources", {"name": "x", "type": "url", "url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "address_refused")
    source = post(
        client_a, "sources", {"name": "x", "type": "url", "url": "https://example.com/a"}
    ).json()
    answer = patch(client_a, f"sources/{source['id']}", {"url": url})
    assert answer.status_code == 422
    assert client_a.get(f"/v1/sources/{source['id']}").json()["url"] == "https://example.com/a"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "file"}, "type"),
        ({"content": ""}, "content"),
        ({"url": "https://example.com/"}, "url"),
        ({"name": None}, "name"),
        ({"deleted_at": None}, "deleted_at"),
    ],
)
def test_a_wrong_change_leaves_the_source_as_it_was(
    client_a: Client, change: dict[str, Any], field: str
) -> None:
    source = created(client_a)
    answer = patch(client_a, f"sources/{source['id']}", {"name": "Other", **change})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert client_a.get(f"/v1/sources/{source['id']}").json() == source


def test_counts_are_those_of_live_rows_and_cost_no_query_more(
    client_a: Client, tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        kept, failed = make_document(source), make_document(source, status="failed")
        gone = make_document(source, deleted_at="2026-01-01T00:00:00Z")
        for ordinal in range(3):
            make_chunk(kept, ordinal)
        make_chunk(gone)
        assert failed.pk
    shown = client_a.get(f"/v1/sources/{source.pk}").json()
    assert shown["counts"] == {"documents": 2, "chunks": 3, "tokens": 9, "failed": 1}
    with CaptureQueriesContext(connection) as one:
        client_a.get("/v1/sources")
    with tenant_scope(tenant.pk):
        for _ in range(5):
            make_chunk(make_document(make_source(tenant)))
    with CaptureQueriesContext(connection) as many:
        assert len(client_a.get("/v1/sources").json()["results"]) == 6
    assert len(many) == len(one)


def test_a_long_text_is_on_the_single_read_only(client_a: Client) -> None:
    source = created(client_a, content="x" * 10_001)
    assert len(client_a.get(f"/v1/sources/{source['id']}").json()["content"]) == 10_001
    assert client_a.get("/v1/sources").json()["results"][0]["content"] is None


def test_an_address_may_be_as_long_as_the_setting_says(client_a: Client, settings: Any) -> None:
    for length, status in ((2048, 201), (2049, 400)):
        url = "https://example.com/".ljust(length, "a")
        body = {"name": "Long", "type": "url", "url": url}
        answer = post(client_a, "sources", body)
        assert answer.status_code == status
    assert answer.json()["error"]["fields"] == {"url": ["At most 2048 characters."]}
    settings.MINIRAG_MAX_URL_LENGTH = 30
    assert post(client_a, "sources", body).json()["error"]["fields"] == {
        "url": ["At most 30 characters."]
    }


def test_deleting_answers_with_a_job_and_the_source_is_gone(
    client_a: Client, tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        document = make_document(source)
        chunk = make_chunk(document)
    bot = post(client_a, "bot-profiles", {"name": "Bot", "source_ids": [str(source.pk)]}).json()
    answer = client_a.delete(f"/v1/sources/{source.pk}")
    assert (answer.status_code, answer.json()["kind"]) == (202, "delete")
    for path in (
        f"sources/{source.pk}",
        f"sources/{source.pk}/documents",
        f"documents/{document.pk}",
        f"documents/{document.pk}/file",
        f"documents/{document.pk}/chunks",
    ):
        assert client_a.get(f"/v1/{path}").status_code == 404, path
    assert patch(client_a, f"chunks/{chunk.pk}", {"enabled": False}).status_code == 404
    assert post(client_a, f"sources/{source.pk}/ingest", {}).status_code == 404
    assert client_a.delete(f"/v1/sources/{source.pk}").status_code == 404
    assert client_a.get(f"/v1/bot-profiles/{bot['id']}").json()["source_ids"] == []
    assert client_a.get("/v1/sources").json()["results"] == []


def test_ingest_answers_with_a_job(client_a: Client) -> None:
    source = created(client_a)
    answer = post(client_a, f"sources/{source['id']}/ingest", {})
    assert answer.status_code == 202
    assert answer.json()["source_id"] == source["id"]
    assert post(client_a, f"sources/{source['id']}/ingest", {"x": 1}).status_code == 400


def test_documents_and_chunks_are_read_and_one_is_switched_off(
    client_a: Client, tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        document = make_document(source, key="a.md", url="https://example.com/a")
        chunks = [make_chunk(document, ordinal) for ordinal in (1, 0, 2)]
    listed = client_a.get(f"/v1/sources/{source.pk}/documents").json()["results"]
    assert [row["id"] for row in listed] == [str(document.pk)]
    assert listed[0]["chunk_count"] == 3 and "text" not in listed[0]
    single = client_a.get(f"/v1/documents/{document.pk}").json()
    assert single["text"] == document.text and single["chunk_count"] == 3
    shown = client_a.get(f"/v1/documents/{document.pk}/chunks?limit=2").json()
    assert [row["ordinal"] for row in shown["results"]] == [0, 1]
    rest = client_a.get(shown["next"]).json()
    assert [row["ordinal"] for row in rest["results"]] == [2]
    answer = patch(client_a, f"chunks/{chunks[0].pk}", {"enabled": False})
    assert (answer.status_code, answer.json()["enabled"]) == (200, False)
    for wrong in ({}, {"enabled": "no"}, {"enabled": None}, {"enabled": False, "text": "x"}):
        assert patch(client_a, f"chunks/{chunks[0].pk}", wrong).status_code == 400


def test_deleting_a_document_answers_with_a_job(client_a: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        document = make_document(make_source(tenant))
    assert client_a.delete(f"/v1/documents/{document.pk}").status_code == 202
    assert client_a.get(f"/v1/documents/{document.pk}").status_code == 404
    assert client_a.delete(f"/v1/documents/{document.pk}").status_code == 404


def test_another_tenants_rows_answer_as_rows_that_do_not_exist(
    client_b: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        document = make_document(source)
        chunk = make_chunk(document)
    for path in (
        "sources/{}", "sources/{}/documents", "sources/{}/ingest", "sources/{}/upload",
        "documents/{}", "documents/{}/file", "documents/{}/chunks", "chunks/{}",
    ):  # fmt: skip
        kind = path.split("/")[0]
        own = {"sources": source, "documents": document, "chunks": chunk}[kind].pk
        for send in (client_b.get, client_b.post, client_b.patch, client_b.delete):
            foreign, random = send(f"/v1/{path.format(own)}"), send(f"/v1/{path.format(uuid4())}")
            assert foreign.status_code == random.status_code == 404
            assert foreign.json()["error"]["message"] == random.json()["error"]["message"]
    assert client_b.get("/v1/sources").json()["results"] == []


def test_reading_needs_read_and_writing_needs_write(tenant: Tenant) -> None:
    reader = client_for(token_of(tenant, ["read"]))
    assert reader.get("/v1/sources").status_code == 200
    assert post(reader, "sources", TEXT).status_code == 403
    assert client_for(token_of(tenant, ["chat"])).get("/v1/sources").status_code == 403
    assert Client().get("/v1/sources").status_code == 401


def test_each_change_leaves_one_audit_row(client_a: Client, tenant: Tenant) -> None:
    source = created(client_a)
    patch(client_a, f"sources/{source['id']}", {"name": "Other"})
    client_a.delete(f"/v1/sources/{source['id']}")
    with tenant_scope(tenant.pk):
        actions = list(AuditEvent.objects.order_by("created_at").values_list("action", flat=True))
    assert [name for name in actions if name.startswith("source.")] == [
        "source.create",
        "source.update",
        "source.delete",
    ]


def test_the_same_idempotency_key_makes_one_source(client_a: Client) -> None:
    headers = {"idempotency-key": "abc-123-def"}
    first = client_a.post("/v1/sources", TEXT, content_type="application/json", headers=headers)
    again = client_a.post("/v1/sources", TEXT, content_type="application/json", headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(client_a.get("/v1/sources").json()["results"]) == 1


@pytest.mark.parametrize("given", [{}, {"content": ""}, {"content": "  "}])
def test_a_text_source_is_told_that_it_needs_a_text(
    client_a: Client, given: dict[str, str]
) -> None:
    answer = client_a.post(
        "/v1/sources", {"name": "x", "type": "text", **given}, content_type="application/json"
    )
    words = answer.json()["error"]["fields"]["content"]
    assert answer.status_code == 400 and "required" in words[0]
