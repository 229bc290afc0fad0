"""A web page, fetched through the egress guard."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from email.message import Message

from django.conf import settings

from ingestion.parsing.decode import has_bom
from minirag.egress import Fetched, fetch
from minirag.errors import Invalid, UnreadableSource
from minirag.types import RawDocument

_ACCEPT = "text/html,application/xhtml+xml,application/pdf,text/markdown,text/plain,*/*;q=0.5"


class UrlLoader:
    """One page. Its key is the URL as given, its ``url`` where the redirects ended."""

    def __init__(self, url: str, *, title: str = "") -> None:
        self._url = url
        self._title = title

    def load(self) -> Iterator[RawDocument]:
        """Raises ``AddressRefused``, or ``UnreadableSource`` for all else that went wrong."""
        page = self._fetch()
        if page.status != 200:
            raise UnreadableSource(f"The page answered with status {page.status}.")
        if not page.content:
            raise UnreadableSource("There is no text in it: the page is empty.")
        mime_type = page.mime_type or "text/plain"
        yield RawDocument(self._url, _content(page), mime_type, self._title, url=page.url)

    def _fetch(self) -> Fetched:
        try:
            return fetch(
                self._url,
                use="source",
                max_bytes=settings.MINIRAG_FETCH_MAX_BYTES,
                deadline=settings.MINIRAG_FETCH_SECONDS,
                max_redirects=settings.MINIRAG_FETCH_REDIRECTS,
                headers={"Accept": _ACCEPT},
            )
        except Invalid as error:
            raise UnreadableSource("The address is not valid.") from error


def _content(page: Fetched) -> bytes:
    """The body; a charset that the server declares is applied here, since it gets lost with it."""
    charset = _charset(page.headers.get("content-type", ""))
    if not charset or not page.mime_type.startswith("text/") or has_bom(page.content):
        return page.content
    try:
        return codecs.BOM_UTF8 + page.content.decode(charset).encode("utf-8")
    except (LookupError, UnicodeError):
        return page.content  # a wrong declaration: the parser finds out for itself


def _charset(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    charset = header.get_content_charset() or ""
    # What browsers read under that name.
    return "cp1252" if charset in ("iso-8859-1", "us-ascii") else charset
