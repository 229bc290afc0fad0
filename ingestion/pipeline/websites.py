"""Pages of url, sitemap and crawl sources as items: fetched while they are listed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from ingestion.loaders import CrawlLoader, Known, Origin, Page, SitemapLoader, UrlLoader, Visitor
from ingestion.loaders.pages import refusal
from ingestion.models import IngestJob
from ingestion.pipeline.listing import Listing, live_documents, origin_of
from ingestion.pipeline.reading import Item, failed_before
from minirag.errors import UnreadableSource
from sources.models import Document, DocumentStatus, Source, SourceType

# A group is handed on at so many pages, bytes or seconds: what was fetched is in memory.
_MOST_ITEMS = 16
_MOST_BYTES = 2 * 1024 * 1024
_MOST_SECONDS = 2.0


def pages_of(
    source: Source, signature: str, listing: Listing, job: IngestJob | None
) -> Iterator[list[Item]]:
    """Items in groups. Raises where the source as a whole cannot be read."""
    held = live_documents(source)
    since = job.started_at if job else None
    known = {key: _known(row, since) for key, row in held.items() if _is_held(row, signature)}
    origin = origin_of(source)
    pages = _pages(source, origin, known, held, listing)
    yield from _grouped(_items(pages, origin, held, listing, job.pk if job else None))


def _pages(
    source: Source,
    origin: Origin,
    known: Mapping[str, Known],
    held: Mapping[str, Document],
    listing: Listing,
) -> Iterator[Page]:
    if source.type == SourceType.URL:
        loader = UrlLoader(
            origin.url, title=origin.title, password=origin.password, known=known.get(origin.url)
        )
        yield _or_failed(loader.page())
        return
    visitor = Visitor(origin.password)
    if source.type == SourceType.CRAWL:
        crawl = CrawlLoader(origin.url, origin.web, known, origin.password)
        yield from crawl.pages(visitor)
        listing.complete = crawl.complete
        return
    sitemap = SitemapLoader(origin.url, origin.web, known, origin.password)
    wanted = sitemap.listed(visitor)
    listing.complete = sitemap.complete
    if listing.complete:
        for key, row in held.items():
            if key not in wanted:
                listing.left_by(row)
    else:
        listing.faults.append(
            UnreadableSource("A part of the sitemap could not be read: nothing was removed.")
        )
    yield from sitemap.pages(visitor, wanted)


def _or_failed(page: Page) -> Page:
    """The only page of a source is not gone but out of reach: its last text goes on answering."""
    return Page(page.key, error=refusal(page.status)) if page.gone else page


def _items(
    pages: Iterable[Page],
    origin: Origin,
    held: Mapping[str, Document],
    listing: Listing,
    job_id: UUID | None,
) -> Iterator[Item]:
    for page in pages:
        document = held.get(page.key)
        error = page.error
        if page.gone:
            if document is not None and document.generation:
                listing.gone[page.key] = refusal(page.status)
                continue
            error = refusal(page.status)
        if page.raw is None and error is None and not page.unchanged:
            continue  # it leads to where we do not go
        yield Item(
            page.key,
            origin,
            document,
            raw=page.raw,
            error=error,
            unchanged=page.unchanged,
            asked=bool(page.status) or error is not None,
            failed=failed_before(document, job_id),
            etag=page.etag,
            last_modified=page.last_modified,
            links=page.links,
            shown=True,
        )


def _is_held(row: Document, signature: str) -> bool:
    """Whether "as before" is an answer: then the server need not send the page again."""
    under_way = row.status == DocumentStatus.PROCESSING
    return bool(row.generation) and row.index_model == signature and not under_way


def _known(row: Document, since: datetime | None) -> Known:
    checked = row.checked_at
    fresh = since is not None and checked is not None and checked >= since
    fresh = fresh and row.status == DocumentStatus.READY
    return Known(row.url, row.etag, row.last_modified, tuple(row.links), fresh)


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    begun = time.monotonic()
    for item in items:
        group.append(item)
        size += len(item.raw.content) if item.raw is not None else 0
        full = len(group) >= _MOST_ITEMS or size >= _MOST_BYTES
        if full or time.monotonic() - begun >= _MOST_SECONDS:
            yield group
            group, size, begun = [], 0, time.monotonic()
    if group:
        yield group
