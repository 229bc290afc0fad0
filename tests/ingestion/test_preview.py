"""A look ahead tells what an ingest then does, and touches nothing."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.test import Client

from ingestion.models import IngestJob
from ingestion.parsing.batches import parse_many
from ingestion.pipeline import reading as reading_module
from ingestion.preview import Preview, bounds, preview_source
from minirag.errors import RateLimited
from sources.models import Source, SourceType
from tenants.models import ApiToken, Role, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import client_for, person, token_of
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant, beside, run_due


def everything(plant: Plant) -> str:
    """A digest over all rows of all tables, all stored files and all points."""
    digest = hashlib.sha256()
    with platform_scope("tests"):
        for model in sorted(apps.get_models(), key=lambda one: one._meta.label):
            noted = {"last_used_at"} if model is ApiToken else set()
            names = [f.attname for f in model._meta.concrete_fields if f.name not in noted]
            rows = sorted(repr(row) for row in model._base_manager.values_list(*names))
            digest.update(f"{model._meta.label} {rows}".encode())
        sources = list(Source.objects.all())
    for source in sources:
        digest.update(repr(sorted(plant.points(source))).encode())
        folder = f"{plant.tenant.pk}/{source.pk}"
        if default_storage.exists(folder):
            digest.update(repr(sorted(default_storage.listdir(folder)[1])).encode())
    return digest.hexdigest()


def looked(plant: Plant, source: Source) -> Preview:
    """A preview that wrote and embedded nothing."""
    before, calls = everything(plant), len(plant.embedder.calls)
    with tenant_scope(plant.tenant.pk):
        found = preview_source(plant.auth, plant.source(source))
    assert everything(plant) == before
    assert len(plant.embedder.calls) == calls
    return found


def test_it_tells_what_the_ingest_then_does(plant: Plant) -> None:
    source = plant.files(
        same_md="# Same\n\nIt stays.", other_md="# Other\n\nOld words.", bad_pdf=b"%PDF-1.7 no"
    )
    plant.ingest(source)
    plant.upload(source, other_md="# Other\n\nNew words.", new_md="# New\n\nFresh.\n\n# Two\n\nX.")
    found = looked(plant, source)
    assert found.complete
    assert {fate: count for fate, count in found.counts.items() if count} == {
        "added": 1, "changed": 1, "unchanged": 1, "failed": 1
    }  # fmt: skip
    by_key = {one.key: one for one in found.documents}
    assert by_key["bad.pdf"].error is not None
    assert by_key["bad.pdf"].error["code"] == "unreadable_source"
    assert by_key["same.md"].new_chunks == 0 and by_key["same.md"].chunks == 1
    before = len(plant.embedder.texts)
    plant.ingest(source)
    assert len(plant.embedder.texts) - before == found.new_chunks > 0
    assert len(plant.chunks(source)) == found.chunks
    chunks = {(c.text, tuple(c.heading_path), c.token_count) for c in plant.chunks(source)}
    for sample in found.samples:
        one = sample.chunk
        assert (one.text, one.heading_path, one.token_count) in chunks
    assert looked(plant, source).counts["unchanged"] == 3


def test_money_and_minutes(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    source = plant.text("Some words to be counted.")
    found = looked(plant, source)
    assert (found.cost_nano, found.minutes) == (0, None), "local is free; nothing measured yet"
    plant.ingest(source)
    again = looked(plant, source)
    assert (again.tokens, again.minutes) == (0, 0.0)
    second = looked(plant, plant.text("Other words."))
    assert second.minutes is not None and second.minutes >= 0

    fresh = plant.text("Words that nobody has counted yet.")

    def priced(model: str) -> int | None:
        with platform_scope("tests"):
            Tenant.objects.update(embedding_model=model, index_dimensions=None)
        return looked(plant, fresh).cost_nano

    assert (priced("openai/text-embedding-3-small") or 0) > 0
    assert priced("openai/nobody-knows-it") is None


def test_a_page(plant: Plant, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MINIRAG_EGRESS_ALLOW = ["source:127.0.0.0/8"]
    site.page("/a", b"<h1>Title</h1><p>First words of it.</p>", Content_Type="text/html")
    with tenant_scope(plant.tenant.pk):
        source = Source.objects.create(
            tenant=plant.tenant,
            name="Page",
            type=SourceType.URL,
            url=f"http://127.0.0.1:{site.port}/a",
        )
    found = looked(plant, source)
    assert found.counts["added"] == 1 and found.samples[0].chunk.heading_path == ("Title",)
    plant.ingest(source)
    assert looked(plant, source).counts["unchanged"] == 1
    site.pages.clear()
    lost = looked(plant, source)
    assert lost.counts["failed"] == 1 and lost.documents[0].error is not None
    assert lost.documents[0].error["code"] == "unreadable_source"
    with platform_scope("tests"):
        Source.objects.filter(pk=source.pk).update(url=f"http://127.0.0.1:{site.port}/b")
    site.page("/b", b"<p>Another page.</p>", Content_Type="text/html")
    moved = looked(plant, source)
    assert (moved.counts["added"], moved.counts["removed"]) == (1, 1)


@pytest.mark.parametrize(
    "limit",
    [{"MINIRAG_PREVIEW_DOCUMENTS": 2}, {"MINIRAG_PREVIEW_BYTES": 60}],
    ids=["documents", "bytes"],
)
def test_what_is_too_much_is_said(plant: Plant, settings: Any, limit: dict[str, int]) -> None:
    source = plant.files(**{f"d{n}_md": f"# Part {n}\n\nWords {n}." for n in range(5)})
    for name, value in limit.items():
        setattr(settings, name, value)
    found = looked(plant, source)
    assert not found.complete and 0 < len(found.documents) < 5
    assert found.counts["removed"] == 0


def test_time_is_bounded_and_a_place_is_free_when_nothing_is_under_way(
    plant: Plant, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MINIRAG_PREVIEW_SECONDS = 0.3
    settings.MINIRAG_PREVIEW_PARALLEL = 1
    bounds._slots.cache_clear()
    gate, ended = threading.Event(), threading.Event()

    def slow(raws: Any, *others: Any) -> Any:
        assert gate.wait(30)
        ended.set()
        return parse_many(raws, *others)

    monkeypatch.setattr(reading_module, "parse_many", slow)
    source = plant.text("Some text.")
    try:
        found = looked(plant, source)
        assert not found.complete and found.documents == []
        with tenant_scope(plant.tenant.pk), pytest.raises(RateLimited):
            preview_source(plant.auth, source)
        gate.set()
        assert ended.wait(10)
        while not bounds._slots().acquire(timeout=5):
            raise AssertionError("its place was never given back")
    finally:
        gate.set()
        bounds._slots.cache_clear()


def test_over_http(plant: Plant) -> None:
    api = client_for(token_of(plant.tenant))
    source = plant.text("# Soup\n\nThe canteen serves soup.")
    answer = api.post(f"/v1/sources/{source.pk}/preview", {}, content_type="application/json")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["complete"] is True and shown["counts"]["added"] == 1
    assert shown["cost_usd"] == "0" and shown["minutes"] is None
    first = shown["first_chunks"][0]
    assert set(first) == {
        "key", "text", "start", "end", "page", "heading_path", "token_count"
    }  # fmt: skip
    assert shown["documents"][0]["key"] == first["key"] == "text"
    reader = client_for(token_of(plant.tenant, ["read"]))
    assert reader.post(f"/v1/sources/{source.pk}/preview").status_code == 403
    odd = api.post(f"/v1/sources/{source.pk}/preview", {"x": 1}, content_type="application/json")
    assert odd.status_code == 400


def test_it_is_counted_as_an_expensive_call(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_RATE_CHAT = 1
    api = client_for(token_of(plant.tenant))
    source = plant.text("Some text.")
    path = f"/v1/sources/{source.pk}/preview"
    assert api.post(path, {}, content_type="application/json").status_code == 200
    refused = api.post(path, {}, content_type="application/json")
    assert refused.status_code == 429 and refused["Retry-After"]


def test_the_page_of_the_console(plant: Plant) -> None:
    source = plant.files(a_md="# <b>Bold</b>\n\n<script>alert(1)</script> words.", b_pdf=b"%PDF-1 ")
    browser = Client(raise_request_exception=False)
    browser.force_login(person(plant.tenant, Role.EDITOR))
    page = f"/console/sources/source/{source.pk}/preview/"
    linked = browser.get(f"/console/sources/source/{source.pk}/change/").content.decode()
    assert page in linked
    assert "Look ahead" in browser.get(page).content.decode()
    before = everything(plant)
    shown = browser.post(page)
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "added" in text and "unreadable_source" in text
    assert "<script>alert(1)" not in text and "&lt;script&gt;" in text
    assert everything(plant) == before
    viewer = Client(raise_request_exception=False)
    viewer.force_login(person(plant.tenant, Role.VIEWER))
    assert viewer.post(page).status_code == 403
    assert page not in viewer.get(f"/console/sources/source/{source.pk}/change/").content.decode()


def test_an_ingest_goes_on_beside_it(plant: Plant) -> None:
    """A preview holds no row and no turn."""
    source = plant.text("Some text. " * 50)
    plant.embedder.gate.clear()
    job = plant.schedule(source)
    worker = beside(run_due)
    assert plant.embedder.entered.wait(10)
    with tenant_scope(plant.tenant.pk):
        assert preview_source(plant.auth, source).counts["added"] == 1
    plant.embedder.gate.set()
    worker.join(20)
    with platform_scope("tests"):
        assert IngestJob.objects.get(pk=job.pk).state == "succeeded"
