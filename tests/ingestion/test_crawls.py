"""Crawls and sitemaps from site to points: what comes in, what fails alone, what is doubled."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from ingestion.models import JobState
from ingestion.tasks import work_once
from sources.models import DocumentStatus, SourceStatus
from tests.doubles.websites import Site, sitemap_xml
from tests.ingestion.conftest import Plant, code
from tests.ingestion.web import markup, page, titles, web_source


@pytest.fixture(autouse=True)
def _at_once(settings: Any) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0


def test_a_crawl_takes_a_site_in(plant: Plant, site: Site) -> None:
    page(site, "/", "Home", "/a", "b?utm_source=x#part", "mailto:x@y.test", "https://other.test/")
    page(site, "/a", "Apples", "/", "/deep")
    page(site, "/b", "Bears", "/a#again")
    page(site, "/deep", "Depths")
    source = web_source(plant, "crawl", site.url("/"))
    job = plant.ingest(source)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert titles(plant, source) == {"": "Home", "a": "Apples", "b": "Bears", "deep": "Depths"}
    assert sorted(site.paths()) == ["/", "/a", "/b", "/deep", "/robots.txt"]
    assert plant.documents(source)[site.url("/a")].url == site.url("/a")
    plant.check(source)


def test_pictures_that_a_page_links_are_no_documents(plant: Plant, site: Site) -> None:
    page(site, "/", "Home", "/large.png", "/photo?id=3", "/film.mp4", "/plan.txt")
    site.page("/photo?id=3", b"\x89PNG", Content_Type="image/png")
    site.page("/plan.txt", b"The plan is to paint the shed.", Content_Type="text/plain")
    source = web_source(plant, "crawl", site.url("/"))
    job = plant.ingest(source)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert set(plant.documents(source)) == {site.url("/"), site.url("/plan.txt")}
    assert not {"/large.png", "/film.mp4"} & set(site.paths())


def test_depth_patterns_and_cap_hold(plant: Plant, site: Site) -> None:
    page(site, "/", "Home", "/docs/1", "/blog/1", "/docs/private/1")
    for n in range(1, 5):
        page(site, f"/docs/{n}", f"Docs {n}", f"/docs/{n + 1}")
    page(site, "/docs/private/1", "Private")
    patterns = {"include": ["/docs/*"], "exclude": ["*/private/*"]}
    source = web_source(plant, "crawl", site.url("/"), depth=2, **patterns)
    plant.ingest(source)
    # The first page is read for its links only: no pattern wants it.
    assert set(titles(plant, source)) == {"docs/1", "docs/2"}
    assert "/docs/private/1" not in site.paths()
    capped = web_source(plant, "crawl", site.url("/docs/1"), depth=9, max_pages=3)
    plant.ingest(capped)
    assert set(titles(plant, capped)) == {"docs/1", "docs/2", "docs/3"}


def test_what_a_site_forbids_is_no_document(plant: Plant, site: Site) -> None:
    site.page("/robots.txt", b"User-agent: *\nDisallow: /hidden\nCrawl-delay: 0")
    page(site, "/", "Home", "/hidden", "/noindex", "/nofollow", "/to-hidden", "/header")
    page(site, "/hidden", "Hidden")
    page(site, "/noindex", "Not indexed", "/found", head='<meta name="robots" content="noindex">')
    page(site, "/nofollow", "Ends", "/never", head='<meta name="ROBOTS" content="nofollow">')
    page(site, "/found", "Found")
    page(site, "/never", "Never")
    site.page("/header", markup("Header"), Content_Type="text/html", X_Robots_Tag="noindex")
    site.redirect("/to-hidden", "/hidden")
    source = web_source(plant, "crawl", site.url("/"))
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"", "nofollow", "found"}
    assert set(plant.documents(source)) == {site.url(p) for p in ("/", "/nofollow", "/found")}
    assert not {"/hidden", "/never"} & set(site.paths())


def test_a_site_whose_robots_cannot_be_had_is_not_read(plant: Plant, site: Site) -> None:
    page(site, "/", "Home")
    site.fails("/robots.txt", 503)
    source = web_source(plant, "crawl", site.url("/"))
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and "robots.txt" in (job.error or {})["message"]
    assert site.paths() == ["/robots.txt"]


def test_one_page_under_many_names_is_one_document(plant: Plant, site: Site) -> None:
    page(site, "/", "Home", "/a", "/a?b=2&a=1", "/a?a=1&b=2", "/old", "/copy", "/print", "/HOME")
    page(site, "/a", "Apples")
    page(site, "/a?a=1&b=2", "Sorted")
    page(site, "/new", "Moved")
    site.redirect("/old", "/new")
    page(site, "/copy", "Apples")  # the same words, no hint
    page(site, "/print", "Apples to print", head=f'<link rel="canonical" href="{site.url("/a")}">')
    canonical = '<link rel="canonical" href="http://other.test/">'
    page(site, "/HOME", "Shouting", head=canonical)
    source = web_source(plant, "crawl", site.url("/"))
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert set(titles(plant, source)) == {"", "a", "a?a=1&b=2", "new", "HOME"}
    plant.check(source)
    plant.embedder.calls.clear()
    plant.ingest(source)
    assert set(titles(plant, source)) == {"", "a", "a?a=1&b=2", "new", "HOME"}
    assert not plant.embedder.calls


def test_a_page_that_fails_fails_alone(plant: Plant, site: Site) -> None:
    page(site, "/", "Home", "/broken", "/empty", "/gone", "/good")
    page(site, "/good", "Good")
    site.fails("/broken", 500)
    site.page("/empty", b"")
    source = web_source(plant, "crawl", site.url("/"))
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL and plant.source(source).status == SourceStatus.PARTIAL
    failed = {k: d for k, d in plant.documents(source).items() if d.status == DocumentStatus.FAILED}
    assert set(failed) == {site.url("/broken"), site.url("/empty")}
    assert code(failed[site.url("/broken")]) == "unreadable_source"
    assert "status 500" in (failed[site.url("/broken")].error or {})["message"]
    assert set(titles(plant, source)) == {"", "good"}


def test_a_sitemap_and_its_index(plant: Plant, site: Site) -> None:
    site.sitemap(["/one.xml", "/two.xml.gz"], at="/index.xml", kind="sitemap")
    site.sitemap(["/a", "/b", "https://other.test/x", "/a#again", "/skip/1"], at="/one.xml")
    packed = gzip.compress(sitemap_xml([site.url("/c"), site.url("/missing")]))
    site.page("/two.xml.gz", packed, Content_Type="application/gzip")
    for path in "abc":
        page(site, f"/{path}", f"Page {path}")
    source = web_source(plant, "sitemap", site.url("/index.xml"), exclude=["/skip/*"])
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL
    assert set(titles(plant, source)) == {"a", "b", "c"}
    assert code(plant.documents(source)[site.url("/missing")]) == "unreadable_source"
    assert "/skip/1" not in site.paths()
    plant.check(source)


def test_a_long_crawl_makes_room_and_goes_on_where_it_was(
    plant: Plant, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(site, "/", "Home", *(f"/{n}" for n in range(40)))
    for n in range(40):
        page(site, f"/{n}", f"Page {n}")
    source = web_source(plant, "crawl", site.url("/"))
    settings.MINIRAG_JOB_SLICE_SECONDS = 0.0
    monkeypatch.setattr("ingestion.pipeline.turns.others_wait", lambda tenant_id: True)
    job = plant.schedule(source)
    turns = 0
    while plant.job(job).state != JobState.SUCCEEDED:
        assert work_once() and turns < 9
        turns += 1
    assert turns > 1 and len(titles(plant, source)) == 41
    asked = [path for path in site.paths() if path != "/robots.txt"]
    # What a turn could not finish is asked for again, what it could is not.
    assert len(asked) == len(set(asked)) == 41
    plant.check(source)
