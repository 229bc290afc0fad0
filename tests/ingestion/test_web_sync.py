"""Reading a site again: unchanged is not read, moved keeps its row, faults take nothing away."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ingestion.models import JobState
from ingestion.pipeline import ingest as ingest_module
from ingestion.pipeline.sync import finish
from minirag.errors import RetrievalUnavailable
from sources.models import Chunk, Document, DocumentStatus, Source, SourceStatus
from tenants.scope import platform_scope
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant, run_due
from tests.ingestion.web import markup, page, titles, web_source, words


@pytest.fixture(autouse=True)
def _at_once(settings: Any) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0


def rows(plant: Plant, source: Source) -> set[tuple[Any, ...]]:
    return {(c.id, c.document_id, c.qdrant_point_id, c.text) for c in plant.chunks(source)}


@pytest.mark.parametrize("kind", ["url", "sitemap", "crawl"])
def test_what_the_server_calls_unchanged_is_not_read_again(
    plant: Plant, site: Site, kind: str
) -> None:
    site.tagged("/", markup("Home", "/a"), '"v1"')
    site.tagged("/a", markup("Apples", "/b"), '"v1"')
    site.tagged("/b", markup("Bears"), '"v1"')
    site.sitemap(["/", "/a", "/b"])
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    plant.ingest(source)
    before = rows(plant, source)
    site.paths()
    plant.embedder.calls.clear()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    asked = {path: headers.get("if-none-match") for path, headers in site.requests}
    pages = {path: tag for path, tag in asked.items() if path in ("/", "/a", "/b")}
    assert pages == dict.fromkeys(["/"] if kind == "url" else ["/", "/a", "/b"], '"v1"')
    assert rows(plant, source) == before and not plant.embedder.calls
    # A new version is read, and only it.
    site.tagged("/", markup("House", "/a"), '"v2"')
    plant.ingest(source)
    root = plant.documents(source)[site.url("/")]
    assert "Everything about House" in root.text and root.etag == '"v2"' and root.generation == 2
    assert set(plant.embedder.texts) <= {c.text for c in plant.chunks(source)} | {
        text for text in plant.embedder.texts if "House" in text
    }
    plant.check(source)


def test_a_date_serves_where_there_is_no_tag(plant: Plant, site: Site) -> None:
    date = "Wed, 01 Jan 2025 00:00:00 GMT"
    site.page("/", markup("Home"), Content_Type="text/html", Last_Modified=date)
    source = web_source(plant, "url", site.url("/"))
    plant.ingest(source)
    plant.ingest(source)
    assert [h.get("if-modified-since") for _, h in site.requests] == [None, date]
    # Another page may be older than that and yet never have been seen.
    site.redirect("/", "/else")

    def older(handler: Any) -> None:
        site_answer = 304 if handler.headers.get("If-Modified-Since") else 200
        body = b"" if site_answer == 304 else markup("Elsewhere")
        handler.send_response(site_answer)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    site.pages["/else"] = older
    plant.ingest(source)
    assert "Elsewhere" in plant.documents(source)[site.url("/")].text


def test_changed_chunking_asks_for_the_whole_page(plant: Plant, site: Site, settings: Any) -> None:
    site.tagged("/", markup("Home"), '"v1"')
    source = web_source(plant, "url", site.url("/"))
    plant.ingest(source)
    settings.MINIRAG_CHUNK_SIZE = 32
    plant.ingest(source)
    assert site.requests[-1][1].get("if-none-match") is None
    assert plant.documents(source)[site.url("/")].generation == 2


@pytest.mark.parametrize("kind", ["url", "sitemap", "crawl"])
@pytest.mark.parametrize("status", [404, 410, 500, 503, 403])
def test_a_failing_refresh_keeps_the_last_good_content(
    plant: Plant, site: Site, kind: str, status: int
) -> None:
    page(site, "/", "Home")
    site.sitemap(["/"])
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    plant.ingest(source)
    points = plant.points(source)
    site.fails("/", status)
    job = plant.ingest(source)
    row = plant.source(source)
    assert job.state == JobState.FAILED and row.status == SourceStatus.PARTIAL
    assert row.error is not None and str(status) in row.error["message"]
    assert plant.points(source) == points and points
    page(site, "/", "Home again")
    assert plant.ingest(source).state == JobState.SUCCEEDED
    row = plant.source(source)
    assert row.status == SourceStatus.READY and row.error is None
    assert set(titles(plant, source).values()) == {"Home again"}


def test_a_page_without_a_title_has_the_name_of_its_source(plant: Plant, site: Site) -> None:
    nameless = f"<html><body><p>{words('vans')}</p></body></html>".encode()
    site.page("/", nameless, Content_Type="text/html")
    source = web_source(plant, "url", site.url("/"))
    plant.ingest(source)
    assert titles(plant, source) == {"": "Site"}
    page(site, "/", "Vans")
    plant.ingest(source)
    assert titles(plant, source) == {"": "Vans"}


@pytest.mark.parametrize("kind", ["sitemap", "crawl"])
def test_gone_is_pruned_and_a_fault_is_not_gone(plant: Plant, site: Site, kind: str) -> None:
    names = ("a", "b", "c", "d")

    def show(*shown: str) -> None:
        page(site, "/", "Home", *(f"/{name}" for name in shown))
        site.sitemap(["/", *(f"/{name}" for name in shown)])

    for name in names:
        page(site, f"/{name}", f"Page {name}")
    show(*names)
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    plant.ingest(source)
    show("b", "c", "d")  # a is no longer named
    site.fails("/b", 410)
    site.fails("/c", 500)
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL
    held = set(titles(plant, source))
    # A crawl that could not read a page does not know what only that page led to.
    assert held == ({"", "c", "d"} if kind == "sitemap" else {"", "a", "c", "d"})
    documents = plant.documents(source)
    assert documents[site.url("/c")].status == DocumentStatus.FAILED
    page(site, "/c", "Page c")
    show("c", "d")
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"", "c", "d"}
    plant.check(source)


def test_pruning_can_be_switched_off(plant: Plant, site: Site) -> None:
    for name in "ab":
        page(site, f"/{name}", f"Page {name}")
    site.sitemap(["/a", "/b"])
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"), prune=False)
    plant.ingest(source)
    site.sitemap(["/a"])
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"a", "b"}


def many(site: Site, count: int) -> None:
    for n in range(count):
        page(site, f"/{n}", f"Page {n}")
    site.sitemap([f"/{n}" for n in range(count)])


@pytest.mark.parametrize("break_it", ["empty", "no xml", "gone", "down", "doctype", "unwanted"])
def test_a_broken_sitemap_wipes_nothing(plant: Plant, site: Site, break_it: str) -> None:
    many(site, 3)
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"))
    plant.ingest(source)
    before = rows(plant, source)
    match break_it:
        case "empty":
            site.sitemap([])
        case "no xml":
            site.page("/sitemap.xml", b"<html><body>Maintenance</body></html>")
        case "gone":
            site.fails("/sitemap.xml", 404)
        case "down":
            site.fails("/sitemap.xml", 502)
        case "doctype":
            site.page("/sitemap.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><urlset/>')
        case "unwanted":
            site.sitemap(["http://other.test/1"])
    assert plant.ingest(source).state == JobState.FAILED
    assert plant.source(source).status == SourceStatus.PARTIAL
    assert rows(plant, source) == before
    plant.check(source)


def test_a_sitemap_that_shrank_oddly_is_believed_the_second_time(plant: Plant, site: Site) -> None:
    many(site, 30)
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"))
    plant.ingest(source)
    site.sitemap(["/1", "/2"])
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL and "28 of 30" in (job.error or {})["message"]
    assert len(titles(plant, source)) == 30
    # By itself it would wait for a day.
    with platform_scope("tests"):
        again = plant.schedule(source)
        Source.objects.filter(pk=source.pk).update(refresh_job_id=again.pk)
    plant.ingest(source)
    assert len(titles(plant, source)) == 30
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"1", "2"}
    plant.check(source)


@pytest.mark.parametrize("kind", ["sitemap", "crawl"])
def test_a_small_site_under_maintenance_is_left_alone(plant: Plant, site: Site, kind: str) -> None:
    """Its start page answers 200 and leads nowhere; its sitemap names only that."""
    links = [f"/{n}" for n in range(6)]

    def show() -> None:
        page(site, "/", "Home", *links)
        site.sitemap(["/", *links])

    many(site, 6)
    show()
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    plant.ingest(source)
    page(site, "/", "Under maintenance")
    site.sitemap(["/"])
    for _ in range(2):  # by itself it waits for a day
        with platform_scope("tests"):
            job = plant.schedule(source)
            Source.objects.filter(pk=source.pk).update(refresh_job_id=job.pk)
        again = plant.ingest(source)
        assert again.state == JobState.PARTIAL
        error = plant.source(source).error or {}
        assert "6 of 7 pages were not found" in error["message"]
        assert set(titles(plant, source)) == {"", *map(str, range(6))}
    show()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert plant.source(source).error is None
    # It is believed when somebody asks again; less than half goes at once.
    page(site, "/", "Home", *links[:4])
    site.sitemap(["/", *links[:4]])
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"", "0", "1", "2", "3"}
    page(site, "/", "Home")
    site.sitemap(["/"])
    assert plant.ingest(source).state == JobState.PARTIAL
    assert len(titles(plant, source)) == 5
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {""}
    plant.check(source)


def test_an_attempt_that_is_repeated_is_no_second_look(
    plant: Plant, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(site, 6)
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"))
    plant.ingest(source)
    site.sitemap(["/1"])

    def breaks(*arguments: Any) -> None:
        finish(*arguments)
        monkeypatch.setattr(ingest_module, "finish", finish)
        raise RetrievalUnavailable

    monkeypatch.setattr(ingest_module, "finish", breaks)
    job = plant.ingest(source)
    time.sleep(0.1)
    run_due()
    job = plant.job(job)
    assert (job.state, job.attempts) == (JobState.PARTIAL, 2)
    assert len(titles(plant, source)) == 6


def test_equal_pages_that_move_keep_their_rows_each(plant: Plant, site: Site) -> None:
    for path in ("/a", "/b"):
        page(site, path, "Moving")
    page(site, "/", "Home")
    site.sitemap(["/", "/a", "/b"])
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"))
    plant.ingest(source)
    before = rows(plant, source)
    for path in ("/c", "/d"):
        page(site, path, "Moving", head=f"<meta name=x content={path[1]}>")
    site.sitemap(["/", "/c", "/d"])
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"", "c", "d"}
    assert rows(plant, source) == before
    plant.check(source)


def test_a_shrunken_sitemap_that_recovers_is_forgotten(plant: Plant, site: Site) -> None:
    many(site, 30)
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"))
    plant.ingest(source)
    site.sitemap(["/1"])
    plant.ingest(source)
    site.sitemap([f"/{n}" for n in range(30)])
    assert plant.ingest(source).state == JobState.SUCCEEDED
    with platform_scope("tests"):
        assert not Document.objects.filter(missing_since__isnull=False).exists()
    site.sitemap(["/1"])
    plant.ingest(source)
    assert len(titles(plant, source)) == 30
    with platform_scope("tests"):
        old = timezone.now() - timedelta(days=2)
        Document.objects.filter(missing_since__isnull=False).update(missing_since=old)
        again = plant.schedule(source)
        Source.objects.filter(pk=source.pk).update(refresh_job_id=again.pk)
    plant.ingest(source)
    assert set(titles(plant, source)) == {"1"}


@pytest.mark.parametrize("kind", ["sitemap", "crawl"])
@pytest.mark.parametrize("same_bytes", [True, False])
def test_a_page_that_moved_keeps_its_row_and_its_flags(
    plant: Plant, site: Site, kind: str, same_bytes: bool
) -> None:
    page(site, "/", "Home", "/old")
    page(site, "/old", "Moving")
    site.sitemap(["/", "/old"])
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    plant.ingest(source)
    old = plant.documents(source)[site.url("/old")]
    with platform_scope("tests"):
        Chunk.objects.filter(document_id=old.pk, ordinal=0).update(enabled=False)
    before = [c for c in rows(plant, source) if c[1] == old.pk]
    page(site, "/", "Home", "/new")
    page(site, "/new", "Moving", head="" if same_bytes else "<meta name=x content=y>")
    site.fails("/old", 404)
    site.sitemap(["/", "/new"])
    plant.embedder.calls.clear()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    documents = plant.documents(source)
    assert set(documents) == {site.url("/"), site.url("/new")}
    assert documents[site.url("/new")].pk == old.pk
    assert documents[site.url("/new")].url == site.url("/new")
    assert [c for c in rows(plant, source) if c[1] == old.pk] == before
    with platform_scope("tests"):
        assert Chunk.objects.filter(document_id=old.pk, enabled=False).count() == 1
        assert Document.objects.filter(source_id=source.pk).count() == 2
    if kind == "sitemap" and same_bytes:
        assert not plant.embedder.calls
    plant.check(source)


def test_metadata_of_the_source_reaches_pages_that_did_not_change(plant: Plant, site: Site) -> None:
    site.tagged("/", markup("Home"), '"v1"')
    source = web_source(plant, "url", site.url("/"))
    plant.ingest(source)
    with platform_scope("tests"):
        Source.objects.filter(pk=source.pk).update(metadata={"team": "web"})
    plant.ingest(source)
    document = plant.documents(source)[site.url("/")]
    assert document.metadata["team"] == "web" and document.generation == 1


def test_a_site_that_stops_answering_is_left_alone_soon(plant: Plant, site: Site) -> None:
    many(site, 30)
    source = web_source(plant, "sitemap", site.url("/sitemap.xml"))
    plant.ingest(source)
    before = rows(plant, source)
    for n in range(30):
        site.pages[f"/{n}"] = lambda handler: handler.connection.close()
    site.paths()
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and "does not answer" in (job.error or {})["message"]
    assert len([path for path in site.paths() if path[1:].isdigit()]) == 5
    assert rows(plant, source) == before and plant.source(source).status == SourceStatus.PARTIAL
