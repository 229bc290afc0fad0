"""Pages: only through the guard, with the charset that the server declares."""

from __future__ import annotations

import codecs

import pytest
from pytest_django.fixtures import Settings

from ingestion.loaders import UrlLoader
from minirag.errors import AddressRefused, UnreadableSource
from minirag.types import RawDocument
from tests.doubles.websites import Site


def load(url: str) -> RawDocument:
    (raw,) = UrlLoader(url).load()
    return raw


def test_the_key_is_the_url_as_given_and_the_url_where_it_led(site: Site) -> None:
    site.redirect("/old", "/new")
    site.page("/new", b"<p>x", Content_Type="text/html")
    raw = load(site.url("/old"))
    assert (raw.key, raw.url, raw.mime_type) == (site.url("/old"), site.url("/new"), "text/html")


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"Gr\xf6\xdfe", "text/html; charset=ISO-8859-1", codecs.BOM_UTF8 + "Größe".encode()),
        ("Größe".encode(), "text/html", "Größe".encode()),
        ("Größe".encode(), "text/html; charset=nonsense", "Größe".encode()),
        (b"\xff\xfeG\x00", "text/plain; charset=utf-8", b"\xff\xfeG\x00"),
        (b"%PDF-\xff", "application/pdf; charset=utf-8", b"%PDF-\xff"),
        (b"\xe9t\xe9", "text/plain; charset=utf-8", b"\xe9t\xe9"),
        (b"a-" + b"kfda" * 9_000, "text/plain; charset=punycode", b"a-" + b"kfda" * 9_000),
        (b"a", "text/plain; charset*=us-ascii''a%00b", b"a"),
        (b"\xa8\xa2", "text/plain; charset=gb2312", codecs.BOM_UTF8 + "\u00e1".encode()),
    ],
)  # fmt: skip
def test_a_declared_charset_is_applied_where_it_is_true(
    body: bytes, content_type: str, expected: bytes, site: Site
) -> None:
    site.page("/", body, Content_Type=content_type)
    assert load(site.url()).content == expected


def test_a_page_that_answers_otherwise_says_so(site: Site) -> None:
    with pytest.raises(UnreadableSource, match="status 404"):
        load(site.url("/none"))
    site.page("/empty", b"")
    with pytest.raises(UnreadableSource, match="empty"):
        load(site.url("/empty"))


def test_size_is_capped_by_the_setting(site: Site, settings: Settings) -> None:
    settings.MINIRAG_FETCH_MAX_BYTES = 100
    site.page("/", b"x" * 101)
    with pytest.raises(UnreadableSource, match="larger than 100 bytes"):
        load(site.url())


def test_inside_stays_inside(site: Site, sentinel: Site) -> None:
    site.redirect("/", sentinel.url(host="127.0.0.1"))
    for url in (site.url(), sentinel.url(host="127.0.0.1"), "http://169.254.169.254/latest/"):
        with pytest.raises(AddressRefused):
            load(url)


def test_references_inside_a_page_are_never_fetched(site: Site, sentinel: Site) -> None:
    inside = sentinel.url(host="127.0.0.1")
    page = (
        f'<html><head><base href="{inside}"><link rel=stylesheet href="{inside}"></head><body>'
        f'<p>Words <img src="{inside}"> ![x]({inside})</p><iframe src="{inside}"></iframe></body>'
    )
    site.page("/", page.encode(), Content_Type="text/html")
    assert load(site.url()).content == page.encode()
