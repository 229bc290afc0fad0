"""The pages of a site, found by following its links."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ingestion.loaders.addresses import canonical_or_none, lets_through, names_media, site_of
from ingestion.loaders.pages import Follow, Known, Page, documents_of
from ingestion.loaders.sitemap import WebOptions
from ingestion.loaders.visitor import Visitor
from ingestion.parsing.discovery import PageLinks, find_links
from minirag.errors import AddressRefused, UnreadableSource
from minirag.formats import is_media
from minirag.types import RawDocument

_HTML = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(slots=True)
class CrawlLoader:
    """Pages by their distance from ``url``, nearest first. Keys are canonical URLs.

    ``complete``: every page could be read, so what was not met is not linked any more.
    """

    url: str
    options: WebOptions = field(default_factory=WebOptions)
    known: Mapping[str, Known] = field(default_factory=dict)
    password: str = field(default="", repr=False)
    complete: bool = True
    _queue: deque[tuple[str, int]] = field(default_factory=deque)
    _seen: set[str] = field(default_factory=set)
    _taken: set[str] = field(default_factory=set)

    def pages(self, visitor: Visitor) -> Iterator[Page]:
        """What became of each page that is wanted and allowed, ``max_pages`` of them at most.

        Raises ``UnreadableSource`` or ``AddressRefused`` where the site as a whole cannot be read.
        """
        start = canonical_or_none(self.url)
        if start is None:
            raise UnreadableSource("The address is not valid.")
        self.complete = True
        self._queue, self._seen, self._taken = deque([(start, 0)]), {start}, set()
        # Visits that give no document (not indexed, the same page again) are bounded as well.
        left = 2 * self.options.max_pages + 10
        while self._queue and left > 0 and len(self._taken) < self.options.max_pages:
            url, depth = self._queue.popleft()
            if not visitor.allows(url):
                if depth == 0:
                    raise UnreadableSource("The site's robots.txt does not allow reading it.")
                continue
            left -= 1
            page = visitor.page(url, url, self.known.get(url), self._may_lead_to(visitor, depth))
            yield from self._found(page, depth)

    def load(self) -> Iterator[RawDocument]:
        """Raises as ``pages``, or the first page's error where not one could be read."""
        yield from documents_of(self.pages(Visitor(self.password)))

    def _found(self, page: Page, depth: int) -> Iterator[Page]:
        """The document of a visited page, where it is one; its links are queued."""
        if page.error is not None or page.gone:
            # A link that leads nowhere was never a page of the site, but for the first one.
            if page.error is not None:
                self.complete = False
            if page.error is not None or page.key in self.known or depth == 0:
                yield page
            return
        if page.unchanged:
            held = self.known[page.key]
            self._follow(held.links, depth)
            yield from self._taken_once(replace(page, links=held.links))
            return
        if page.raw is None:
            if depth == 0:
                raise UnreadableSource("The address leads to another site: name that one instead.")
            return
        if depth and is_media(page.raw.mime_type):
            return
        if page.raw.mime_type not in _HTML:
            yield from self._taken_once(self._keyed(page, page.raw, ""))
            return
        yield from self._read(page, page.raw, depth)

    def _read(self, page: Page, raw: RawDocument, depth: int) -> Iterator[Page]:
        try:
            found = find_links(raw)
        except UnreadableSource:
            self.complete = False  # the parser will say of the page itself what is wrong with it
            found = PageLinks()
        links = () if found.nofollow or "nofollow" in page.robots_tag else self._ours(found.links)
        self._follow(links, depth)
        if not found.noindex and "noindex" not in page.robots_tag:
            yield from self._taken_once(
                replace(self._keyed(page, raw, found.canonical), links=links)
            )

    def _taken_once(self, page: Page) -> Iterator[Page]:
        # The first page is read for its links, whether or not the patterns want its text.
        if page.key not in self._taken and self._wanted(page.key):
            self._taken.add(page.key)
            self._seen.add(page.key)
            yield page

    def _keyed(self, page: Page, raw: RawDocument, says: str) -> Page:
        """The page under its own name: what it calls itself, or where the redirects ended."""
        ended = canonical_or_none(raw.url or page.key) or page.key
        called = canonical_or_none(says) if says else None
        key = called if called and self._is_ours(called) and self._wanted(called) else ended
        return replace(page, key=key, raw=replace(raw, key=key))

    def _follow(self, links: tuple[str, ...], depth: int) -> None:
        if depth >= self.options.depth:
            return
        for url in links:
            if url not in self._seen and self._wanted(url) and not names_media(url):
                self._seen.add(url)
                self._queue.append((url, depth + 1))

    def _ours(self, links: tuple[str, ...]) -> tuple[str, ...]:
        """Canonical addresses of this site, each once, in the order of the page."""
        found = (canonical_or_none(link) for link in links)
        return tuple(dict.fromkeys(url for url in found if url and self._is_ours(url)))

    def _may_lead_to(self, visitor: Visitor, depth: int) -> Follow:
        def judge(target: str) -> bool:
            url = canonical_or_none(target)
            if url is None or not self._is_ours(url):
                return False
            try:
                return (depth == 0 or self._wanted(url)) and visitor.allows(url)
            except (UnreadableSource, AddressRefused):
                return False

        return judge

    def _is_ours(self, url: str) -> bool:
        try:
            return site_of(url) == site_of(self.url)
        except ValueError:
            return False

    def _wanted(self, url: str) -> bool:
        return lets_through(self.options.include, self.options.exclude, url)
