"""Links and sitemaps out of hostile markup: the child's functions, and what the parent believes."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from ingestion.parsing import sandbox
from ingestion.parsing.discovery import find_links, read_sitemap
from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.links import page_links, sitemap_urls
from minirag.errors import UnreadableSource
from minirag.types import RawDocument
from tests.doubles.websites import sitemap_xml

LIMITS = ContentLimits(inflated_bytes=100_000, rows=100)


def links(markup: str, url: str = "http://x.test/dir/page") -> dict[str, Any]:
    return page_links(markup.encode(), Hints("k", "text/html", url), LIMITS)


def test_links_are_absolute_and_each_once() -> None:
    found = links(
        '<a href="a">1</a><a href="a">2</a><a href="/b?c=1#d">3</a><a href="#top">4</a>'
        '<a href="mailto:x@y.test">5</a><a href="javascript:x()">6</a><a>7</a><a href="">8</a>'
        '<a href="//other.test/e">9</a><a href="http://[bad">10</a><map><area href="f"></map>'
    )
    assert found["links"] == [
        "http://x.test/dir/a", "http://x.test/b?c=1#d", "http://other.test/e", "http://x.test/dir/f",
    ]  # fmt: skip
    assert links('<base href="/else/"><a href="a">')["links"] == ["http://x.test/else/a"]


@pytest.mark.parametrize(
    ("meta", "noindex", "nofollow"),
    [
        ('<meta name="robots" content="noindex">', True, False),
        ('<meta name="Robots" content="NoFollow, max-snippet:5">', False, True),
        ('<meta name="robots" content="none">', True, True),
        ('<meta name="minirag" content="noindex,nofollow">', True, True),
        ('<meta name="googlebot" content="noindex">', False, False),
        ('<meta name="robots">', False, False),
    ],
)
def test_what_a_page_asks_of_crawlers(meta: str, noindex: bool, nofollow: bool) -> None:
    found = links(f"<head>{meta}</head><p>x")
    assert (found["noindex"], found["nofollow"]) == (noindex, nofollow)


def test_the_canonical_name() -> None:
    assert links('<link rel="Canonical" href="/c">x')["canonical"] == "http://x.test/c"
    assert links('<link rel="canonical" href="data:x">x')["canonical"] == ""
    assert links("x")["canonical"] == ""


def sitemap(data: bytes) -> dict[str, Any]:
    return sitemap_urls(data, Hints("k", "", "http://x.test/sitemap.xml"), LIMITS)


def test_sitemaps_with_and_without_namespace_and_packed() -> None:
    urls = ["http://x.test/a?b=1&c=2", "http://x.test/d"]
    assert sitemap(sitemap_xml(urls)) == {"index": False, "urls": urls}
    assert sitemap(gzip.compress(sitemap_xml(urls, "sitemap"))) == {"index": True, "urls": urls}
    plain = b"\n <urlset><url><loc> /a </loc><lastmod>x</lastmod></url><url/></urlset>"
    assert sitemap(plain)["urls"] == ["http://x.test/a"]
    image = (
        b'<urlset xmlns:i="http://i"><url><loc>http://x.test/a</loc>'
        b"<i:image><i:loc>http://x.test/pic</i:loc></i:image></url></urlset>"
    )
    assert sitemap(image)["urls"] == ["http://x.test/a"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a sitemap"),
        (b"plain words", "not a sitemap"),
        (b"<html><body>x</body></html>", "not a sitemap"),
        (b"<urlset><url><loc>http://x.test/", "not a sitemap"),
        (b'<!DOCTYPE urlset [<!ENTITY a "aaaa">]><urlset>&a;</urlset>', "DTD"),
        (b'<!DOCTYPE urlset SYSTEM "file:///etc/passwd"><urlset/>', "DTD"),
        (gzip.compress(b"<urlset>" + b" " * 200_000, mtime=0), "larger than"),
        (gzip.compress(b"<urlset/>", mtime=0)[:-9], "damaged"),
        (b"<urlset>" + b" " * 200_000 + b"</urlset>", "larger than"),
        (sitemap_xml(f"http://x.test/{n}" for n in range(101)), "more than 100"),
    ],
)
def test_what_is_no_sitemap_says_so(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        sitemap(data)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"unreadable": 5},
        {"links": "x", "canonical": "", "noindex": False, "nofollow": False},
        {"links": [1], "canonical": "", "noindex": False, "nofollow": False},
        {"links": ["a\nb"], "canonical": "", "noindex": False, "nofollow": False},
        {"links": ["x" * 3000], "canonical": "", "noindex": False, "nofollow": False},
        {"links": ["x"] * 1001, "canonical": "", "noindex": False, "nofollow": False},
        {"links": [], "canonical": None, "noindex": False, "nofollow": False},
        {"links": [], "canonical": "", "noindex": 1, "nofollow": False},
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(monkeypatch: Any, answer: Any) -> None:
    monkeypatch.setattr(sandbox, "answers", lambda *_: json.dumps(answer).encode())
    raw = RawDocument("x", b"x", "text/html", url="http://x.test/")
    for ask in (find_links, read_sitemap):
        with pytest.raises(UnreadableSource, match="broken answer"):
            ask(raw)
