"""A web page, fetched through the egress guard."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.loaders.pages import Known, Page, documents_of, read_page
from minirag.types import RawDocument


class UrlLoader:
    """One page. Its key is the URL as given, its ``url`` where the redirects ended."""

    def __init__(
        self, url: str, *, title: str = "", password: str = "", known: Known | None = None
    ) -> None:
        self._url = url
        self._title = title
        self._password = password
        self._known = known

    def page(self) -> Page:
        """What became of the page; what went wrong stands in it."""
        return read_page(
            self._url, self._url, known=self._known, title=self._title, password=self._password
        )

    def load(self) -> Iterator[RawDocument]:
        """Raises ``AddressRefused``, or ``UnreadableSource`` for all else that went wrong."""
        yield from documents_of([self.page()])
