"""The pages that a site's sitemap names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings

from ingestion.loaders.addresses import canonical_or_none, lets_through, site_of
from ingestion.loaders.pages import Known, Page, documents_of
from ingestion.loaders.visitor import Visitor
from ingestion.parsing.discovery import SitemapFile, read_sitemap
from minirag.egress import NOT_FOLLOWED, Fetched
from minirag.errors import AddressRefused, UnreadableSource
from minirag.types import RawDocument

# Levels of indexes: the protocol knows one, some sites have two.
_MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What is wanted of a site."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    depth: int = 3
    max_pages: int = 500
    other_sites: bool = False


@dataclass(slots=True)
class SitemapLoader:
    """A sitemap, or an index of sitemaps, with the pages below it. Keys are canonical URLs.

    ``complete``: every file of the sitemap could be read, so what it does not name is gone.
    """

    url: str
    options: WebOptions = field(default_factory=WebOptions)
    known: Mapping[str, Known] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    complete: bool = True

    def listed(self, visitor: Visitor) -> dict[str, str]:
        """Keys to addresses of the pages that are wanted, in the order of the sitemap.

        Raises ``UnreadableSource`` or ``AddressRefused`` where the sitemap cannot be had, and where
        it names nothing.
        """
        found: dict[str, str] = {}
        self.complete = True
        waiting = deque([(self.url, 0)])
        seen = {self.url}
        while waiting and len(found) < self.options.max_pages:
            url, depth = waiting.popleft()
            file = self._file(visitor, url)
            if file is None:
                continue
            if not file.is_index:
                self._take(file.urls, found)
                continue
            for inner in file.urls if depth < _MAX_DEPTH else ():
                if inner in seen or not self._ours(inner):
                    continue
                if len(seen) >= settings.MINIRAG_SITEMAP_FILES:
                    self.complete = False
                    break
                seen.add(inner)
                waiting.append((inner, depth + 1))
        if not found:
            raise UnreadableSource("The sitemap names no page that is wanted.")
        return found

    def pages(self, visitor: Visitor, listed: Mapping[str, str]) -> Iterator[Page]:
        """What became of each page of ``listed`` that robots.txt lets us read."""
        for key, url in listed.items():
            try:
                allowed = visitor.allows(url)
            except (UnreadableSource, AddressRefused) as error:
                yield Page(key, error=error)
                continue
            if allowed:
                yield visitor.page(url, key, self.known.get(key), self._ours)

    def load(self) -> Iterator[RawDocument]:
        """Raises as ``listed``, or the first page's error where not one could be read."""
        visitor = Visitor(self.password)
        yield from documents_of(self.pages(visitor, self.listed(visitor)))

    def _file(self, visitor: Visitor, url: str) -> SitemapFile | None:
        """One file. What is wrong with the first is raised, with an inner one remembered."""
        try:
            answer = visitor.file(url, self._ours)
            return read_sitemap(_raw(url, answer))
        except (UnreadableSource, AddressRefused):
            if url == self.url:
                raise
            self.complete = False
            return None

    def _take(self, urls: Sequence[str], found: dict[str, str]) -> None:
        for url in urls:
            key = canonical_or_none(url)
            if key is None or not self._ours(key):
                continue
            if not lets_through(self.options.include, self.options.exclude, key):
                continue
            if len(found) >= self.options.max_pages:
                return
            found.setdefault(key, url)

    def _ours(self, url: str) -> bool:
        if self.options.other_sites:
            return True
        try:
            return site_of(url) == site_of(self.url)
        except ValueError:
            return False


def _raw(url: str, answer: Fetched) -> RawDocument:
    if answer.status == NOT_FOLLOWED:
        raise UnreadableSource("The sitemap leads to another site.")
    if answer.status != 200:
        raise UnreadableSource(f"The sitemap answered with status {answer.status}.")
    return RawDocument(url, answer.content, answer.mime_type, url=answer.url)
