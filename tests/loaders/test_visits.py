"""Visits to sites are polite, and nothing inside is reached by any of the ways in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from ingestion.loaders import CrawlLoader, SitemapLoader, Visitor, WebOptions
from ingestion.parsing.discovery import find_links
from minirag.errors import AddressRefused, UnreadableSource
from minirag.types import RawDocument
from tests.doubles.websites import Site

# Every one of them is this machine, the cloud's own services, or a disguise of these.
INSIDE = (
    "127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]", "[::ffff:127.0.0.1]", "[2002:7f00:1::]", "0x7f000001", "2130706433",
    "127.1", "10.0.0.1", "[fd00::1]",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _at_once(settings: Any) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0


def html(site: Site, path: str, body: str) -> None:
    site.page(path, f"<p>Words of {path}</p>{body}".encode(), Content_Type="text/html")


def by_sitemap_address(site: Site, inside: str) -> list[RawDocument]:
    return list(SitemapLoader(inside).load())


def by_address_in_a_sitemap(site: Site, inside: str) -> list[RawDocument]:
    site.sitemap([inside])
    return list(SitemapLoader(site.url("/sitemap.xml"), WebOptions(other_sites=True)).load())


def by_sitemap_in_an_index(site: Site, inside: str) -> list[RawDocument]:
    site.sitemap([inside], kind="sitemap")
    return list(SitemapLoader(site.url("/sitemap.xml"), WebOptions(other_sites=True)).load())


def by_redirect_of_a_sitemap(site: Site, inside: str) -> list[RawDocument]:
    site.redirect("/sitemap.xml", inside)
    return list(SitemapLoader(site.url("/sitemap.xml"), WebOptions(other_sites=True)).load())


def by_redirect_of_a_page(site: Site, inside: str) -> list[RawDocument]:
    site.redirect("/a", inside)
    site.sitemap(["/a"])
    return list(SitemapLoader(site.url("/sitemap.xml"), WebOptions(other_sites=True)).load())


def by_crawl_address(site: Site, inside: str) -> list[RawDocument]:
    return list(CrawlLoader(inside).load())


def by_crawl_link(site: Site, inside: str) -> list[RawDocument]:
    html(site, "/", f'<a href="{inside}">in</a><area href="{inside}">')
    return list(CrawlLoader(site.url("/")).load())


def by_crawl_redirect(site: Site, inside: str) -> list[RawDocument]:
    html(site, "/", '<a href="/a">in</a>')
    site.redirect("/a", inside)
    return list(CrawlLoader(site.url("/")).load())


def by_base_of_a_page(site: Site, inside: str) -> list[RawDocument]:
    html(site, "/", f'<base href="{inside}"><a href="x">in</a>')
    return list(CrawlLoader(site.url("/")).load())


def by_canonical(site: Site, inside: str) -> list[RawDocument]:
    html(site, "/", f'<link rel="canonical" href="{inside}">')
    return list(CrawlLoader(site.url("/")).load())


def by_robots(site: Site, inside: str) -> list[RawDocument]:
    site.redirect("/robots.txt", inside)
    html(site, "/", "")
    return list(CrawlLoader(site.url("/")).load())


WAYS: list[Callable[[Site, str], list[RawDocument]]] = [
    by_sitemap_address, by_address_in_a_sitemap, by_sitemap_in_an_index, by_redirect_of_a_sitemap,
    by_redirect_of_a_page, by_crawl_address, by_crawl_link, by_crawl_redirect, by_base_of_a_page,
    by_canonical, by_robots,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_inside_stays_inside(way: Any, site: Site, sentinel: Site) -> None:
    """The sentinel's own fixture says that nobody knocked."""
    for host in INSIDE:
        try:
            found = way(site, f"http://{host}:{sentinel.port}/")
        except (AddressRefused, UnreadableSource):
            continue
        assert {raw.key for raw in found} <= {site.url("/")}
        assert all(b"secret" not in raw.content for raw in found)


@pytest.mark.parametrize("kind", [SitemapLoader, CrawlLoader])
def test_a_name_that_turns_inwards_is_refused_at_that_visit(
    kind: Any, site: Site, sentinel: Site, names: dict[str, list[list[str]]], settings: Any
) -> None:
    settings.MINIRAG_EGRESS_ALLOW = [f"source:site.test:{site.port}"]
    names["turns.test"] = [["169.254.169.254"]]
    at = f"http://turns.test:{sentinel.port}/"
    site.sitemap([at])
    html(site, "/", f'<a href="{at}">in</a>')
    loader = kind(site.url("/sitemap.xml" if kind is SitemapLoader else "/"))
    loader.options = WebOptions(other_sites=True)
    try:
        found = list(loader.load())
    except (AddressRefused, UnreadableSource):
        found = []
    assert {raw.key for raw in found} <= {site.url("/")}


def test_requests_keep_their_distance(site: Site, settings: Any) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.02
    settings.MINIRAG_CRAWL_MAX_DELAY_SECONDS = 0.1
    site.page("/robots.txt", b"User-agent: *\nCrawl-delay: 3600")
    html(site, "/", '<a href="/a">a</a>')
    html(site, "/a", "")
    began = time.monotonic()
    assert len(list(CrawlLoader(site.url("/")).load())) == 2
    # robots.txt, then at its own pace, which the setting cuts: 0.02 and 0.1 s.
    assert 0.12 <= time.monotonic() - began < 30


def test_an_index_has_bounded_depth_and_count(site: Site, settings: Any) -> None:
    settings.MINIRAG_SITEMAP_FILES = 5
    for n in range(9):
        site.sitemap([f"/s{n + 1}.xml"], at=f"/s{n}.xml", kind="sitemap")
    with pytest.raises(UnreadableSource, match="no page"):
        list(SitemapLoader(site.url("/s0.xml")).load())
    assert len(site.paths()) == 4
    site.sitemap(["/loop.xml", *(f"/t{n}.xml" for n in range(20))], at="/loop.xml", kind="sitemap")
    with pytest.raises(UnreadableSource):
        list(SitemapLoader(site.url("/loop.xml")).load())
    assert len(site.paths()) == 5


def test_a_part_that_cannot_be_read_is_remembered(site: Site) -> None:
    site.sitemap(["/good.xml", "/bad.xml"], at="/index.xml", kind="sitemap")
    site.sitemap(["/a"], at="/good.xml")
    loader = SitemapLoader(site.url("/index.xml"))
    assert list(loader.listed(Visitor())) == [site.url("/a")] and not loader.complete


def test_links_of_a_page_are_capped_and_taken_in_the_child(settings: Any) -> None:
    settings.MINIRAG_CRAWL_PAGE_LINKS = 3
    page = "".join(f'<a href="/{n}">x</a>' for n in range(9)) + '<a rel="nofollow" href="/no">x</a>'
    raw = RawDocument("x", page.encode(), "text/html", url="http://x.test/y/")
    assert find_links(raw).links == tuple(f"http://x.test/{n}" for n in range(3))
    with pytest.raises(UnreadableSource):
        find_links(RawDocument("x", b"", "text/html", url="http://x.test/"))
