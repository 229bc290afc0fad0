"""Inside the child: where a web page leads and what it says to crawlers; what a sitemap names.

Of the limits, ``rows`` counts the addresses and ``inflated_bytes`` is what a packed sitemap may
unfold to. Both functions return plain values for JSON and raise ``UnreadableSource``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urljoin

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from ingestion.parsing.decode import decode
from ingestion.parsing.document import ContentLimits, Hints
from minirag.errors import UnreadableSource
from minirag.formats import LONGEST_URL

_CRAWLERS = frozenset({"robots", "minirag"})
_GZIP = b"\x1f\x8b"
_STEP = 1 << 16
_NO_SITEMAP = "This is not a sitemap."


def page_links(data: bytes, hints: Hints, limits: ContentLimits) -> dict[str, Any]:
    """``links`` (absolute, each once), ``canonical`` or "", ``noindex``, ``nofollow``."""
    tree = _tree(decode(data, markup=True))
    base = _base(tree, hints.url or "")
    said = _said(tree)
    links: dict[str, None] = {}
    for element in tree.iter("a", "area"):
        rel = (element.get("rel") or "").lower().split()
        url = "" if "nofollow" in rel else _absolute(base, element.get("href"))
        if url:
            links[url] = None
        if len(links) >= limits.rows:
            break
    return {
        "links": list(links),
        "canonical": _canonical(tree, base),
        "noindex": bool({"noindex", "none"} & said),
        "nofollow": bool({"nofollow", "none"} & said),
    }


def _tree(markup: str) -> HtmlElement:
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableSource("There is no text in this page.") from error


def _base(tree: HtmlElement, url: str) -> str:
    for element in tree.iter("base"):
        if element.get("href"):
            return _absolute(url, element.get("href")) or url
    return url


def _said(tree: HtmlElement) -> set[str]:
    """What the page's robots meta elements ask for."""
    found: set[str] = set()
    for element in tree.iter("meta"):
        if (element.get("name") or "").strip().lower() in _CRAWLERS:
            found.update((element.get("content") or "").lower().replace(",", " ").split())
    return found


def _canonical(tree: HtmlElement, base: str) -> str:
    for element in tree.iter("link"):
        if "canonical" in (element.get("rel") or "").lower().split():
            return _absolute(base, element.get("href"))
    return ""


def _absolute(base: str, href: str | None) -> str:
    """A web address that leads somewhere, or ""."""
    href = (href or "").strip()
    if not href or href.startswith("#") or len(href) > LONGEST_URL:
        return ""
    try:
        url = urljoin(base, href)
    except ValueError:
        return ""
    fit = url.startswith(("http://", "https://")) and len(url) <= LONGEST_URL
    return url if fit and url.isprintable() else ""


def sitemap_urls(data: bytes, hints: Hints, limits: ContentLimits) -> dict[str, Any]:
    """``index`` (whether it names further sitemaps) and ``urls`` (each once, in its order)."""
    if data.startswith(_GZIP):
        data = _inflated(data, limits.inflated_bytes)
    if len(data) > limits.inflated_bytes:
        raise UnreadableSource(f"The sitemap is larger than {limits.inflated_bytes:,} bytes.")
    urls: dict[str, None] = {}
    is_index = False
    try:
        for name, text in _elements(data):
            if name in ("urlset", "sitemapindex"):
                is_index = name == "sitemapindex"
            elif url := _absolute(hints.url or "", text):
                urls[url] = None
            if len(urls) > limits.rows:
                raise UnreadableSource(f"The sitemap names more than {limits.rows:,} addresses.")
    except (etree.XMLSyntaxError, UnicodeError, ValueError) as error:
        raise UnreadableSource(_NO_SITEMAP) from error
    return {"index": is_index, "urls": list(urls)}


def _elements(data: bytes) -> Iterator[tuple[str, str]]:
    """The root's name, then ("loc", text) of each entry. Elements are dropped on the way."""
    events = etree.iterparse(
        BytesIO(data.lstrip()), events=("start", "end"), resolve_entities=False, no_network=True,
        load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    root = None
    for event, element in events:
        name = etree.QName(element).localname
        if root is None:
            if element.getroottree().docinfo.doctype:
                raise UnreadableSource("The sitemap declares a DTD, which is refused.")
            if name not in ("urlset", "sitemapindex"):
                raise UnreadableSource(_NO_SITEMAP)
            root = element
            yield name, ""
        elif event == "end" and element.getparent() is root:
            for inner in element:
                if etree.QName(inner).localname == "loc":
                    yield "loc", inner.text or ""
            element.clear()
            while element.getprevious() is not None:  # what is behind us; this one is still in use
                del root[0]


def _inflated(data: bytes, most: int) -> bytes:
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    found = bytearray()
    try:
        while data and not unpacking.eof:
            found += unpacking.decompress(data, _STEP)
            data = unpacking.unconsumed_tail
            if len(found) > most:
                raise UnreadableSource(f"The sitemap is larger than {most:,} bytes.")
    except zlib.error as error:
        raise UnreadableSource("The packed sitemap is damaged.") from error
    if not unpacking.eof:
        raise UnreadableSource("The packed sitemap is damaged.")
    return bytes(found)
