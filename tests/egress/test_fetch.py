"""``fetch``: redirects judged hop by hop, credentials kept at home, size and time capped."""

from __future__ import annotations

import gzip
import time
import zlib
from http.server import BaseHTTPRequestHandler

import pytest
from pytest_django.fixtures import Settings

from minirag.egress import fetch
from minirag.errors import AddressRefused, Invalid, UnreadableSource
from tests.doubles.websites import Site, reply

LIMITS = {"max_bytes": 10_000, "deadline": 5.0}


def _fetch(url: str, **options: object) -> object:
    return fetch(url, **{**LIMITS, **options})  # type: ignore[arg-type]


def test_a_page_comes_with_its_type_and_status(site: Site) -> None:
    site.page("/a", b"<p>hi", Content_Type="Text/HTML; charset=utf-8")
    page = fetch(site.url("/a"), max_bytes=100, deadline=5)
    assert (page.status, page.content, page.mime_type) == (200, b"<p>hi", "text/html")
    assert page.url == site.url("/a")
    assert fetch(site.url("/nothing"), max_bytes=100, deadline=5).status == 404


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/", "http://169.254.169.254/latest/meta-data/",
        "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a9fe:a9fe]/", "http://2130706433:{port}/",
        "http://inside.test/", "file:///etc/passwd", "//127.0.0.1:{port}/", "http://a@site.test/",
        "http://site.test:{port}/",
    ],
)  # fmt: skip
def test_a_redirect_inside_is_refused(
    status: int, target: str, site: Site, sentinel: Site, names: dict[str, list[list[str]]]
) -> None:
    names["inside.test"] = [["127.0.0.1"]]
    site.redirect("/", target.format(port=sentinel.port), status)
    with pytest.raises(AddressRefused):
        _fetch(site.url())


@pytest.mark.parametrize(
    "target", ["http://[::1", "javascript:1", "http://site.test:x/", "http://"]
)
def test_a_redirect_to_nowhere_is_an_error_of_the_page(target: str, site: Site) -> None:
    site.redirect("/", target)
    with pytest.raises((AddressRefused, UnreadableSource)):
        _fetch(site.url())


def test_redirects_are_followed_up_to_their_number(site: Site) -> None:
    for hop in range(6):
        site.redirect(f"/{hop}", f"/{hop + 1}")
    site.page("/6", b"end")
    assert fetch(site.url("/1"), max_bytes=100, deadline=5).url == site.url("/6")
    with pytest.raises(UnreadableSource, match="redirects too often"):
        _fetch(site.url("/0"))


def test_credentials_stay_at_the_origin_that_they_are_for(
    site: Site, names: dict[str, list[list[str]]], settings: Settings
) -> None:
    names["other.test"] = [["127.0.0.1"]]
    settings.MINIRAG_EGRESS_ALLOW = [f"site.test:{site.port}", f"other.test:{site.port}"]
    site.redirect("/", "/same")
    site.redirect("/same", site.url("/other", host="other.test"))
    site.redirect("/other", site.url("/back"))
    site.page("/back", b"end")
    secret = {"Authorization": "Bearer x", "X-Api-Key": "x", "Cookie": "x", "Accept": "text/html"}
    fetch(site.url(), max_bytes=100, deadline=5, headers=secret)
    sent = [(path, "authorization" in h, "x-api-key" in h, "cookie" in h, h["accept"])
            for path, h in site.requests]  # fmt: skip
    assert sent == [
        ("/", True, True, True, "text/html"),
        ("/same", True, True, True, "text/html"),
        ("/other", False, False, False, "text/html"),
        ("/back", False, False, False, "text/html"),
    ]


def test_bytes_are_counted_while_they_are_inflated(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    site.page("/bomb", bomb, Content_Encoding="gzip")
    site.page("/fine", gzip.compress(b"hello ") + gzip.compress(b"world"), Content_Encoding="gzip")
    site.page("/plain", b"x" * 10_001)
    for path in ("/bomb", "/plain"):
        with pytest.raises(UnreadableSource, match="larger than 10,000 bytes"):
            _fetch(site.url(path))
    assert fetch(site.url("/fine"), max_bytes=100, deadline=5).content == b"hello world"


# Without the time of day in it: a test's name must be the same in every process.
TWICE = gzip.compress(gzip.compress(b"hi", mtime=0), mtime=0)
CUT = gzip.compress(b"hi" * 500, mtime=0)[:-12]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"hi"), ("zstd", b"hi"), ("gzip, gzip", TWICE),
        ("gzip", CUT), ("gzip", b"not gzip"),
        ("deflate", zlib.compress(b"hi")),
    ],
)  # fmt: skip
def test_what_was_not_asked_for_is_not_unpacked(encoding: str, body: bytes, site: Site) -> None:
    site.page("/", body, Content_Encoding=encoding)
    with pytest.raises(UnreadableSource):
        _fetch(site.url())


def _drip(handler: BaseHTTPRequestHandler, head: bytes, drop: bytes) -> None:
    handler.wfile.write(head)
    while True:
        handler.wfile.write(drop)
        handler.wfile.flush()
        time.sleep(0.02)  # the drip itself: this is the hostile server, not a wait of the test


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_drip_cannot_stretch_the_deadline(head: bytes, drop: bytes, site: Site) -> None:
    site.pages["/"] = lambda handler: _drip(handler, head, drop)
    started = time.monotonic()
    with pytest.raises(UnreadableSource):
        _fetch(site.url(), deadline=0.4)
    assert time.monotonic() - started < 1.5


def test_the_deadline_holds_over_all_redirects(site: Site) -> None:
    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.15)
        reply(handler, 302, b"", {"Location": "/"})

    site.pages["/"] = slow
    started = time.monotonic()
    with pytest.raises(UnreadableSource):
        _fetch(site.url(), deadline=0.4, max_redirects=50)
    assert time.monotonic() - started < 1.5


def test_a_page_cut_short_is_not_taken_for_whole(site: Site) -> None:
    site.pages["/"] = lambda handler: reply(handler, 200, b"half", {"Content-Length": "400"})
    with pytest.raises(UnreadableSource):
        _fetch(site.url())


def test_no_url_is_invalid() -> None:
    with pytest.raises(Invalid):
        _fetch("nonsense")
