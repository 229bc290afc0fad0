"""One look at one source, by the functions that an ingest reads it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from ingestion.pipeline.index import Index, peek_index
from ingestion.pipeline.listing import Listing
from ingestion.pipeline.listings import list_items
from ingestion.pipeline.plans import Rows, Target, make_plan, standing_rows
from ingestion.pipeline.reading import Item, Reading, cut, load, title_of
from ingestion.pipeline.sync import missing, rows_without_upload
from ingestion.pipeline.unchanged import is_unchanged
from ingestion.preview.bounds import Bounded, TimeUp, slot
from ingestion.preview.results import Change, Fate, Preview, Sample
from ingestion.selectors import embedding_rate
from minirag.types import TokenUsage
from sources.models import Chunk, Source, SourceType
from tenants.context import AuthContext
from usage.pricing import price

# Documents read together: few, so that something is known when time is up.
_TOGETHER = 8
# Their listing asks the database only; that of others asks a web site.
_LISTED_HERE = (SourceType.TEXT, SourceType.FILE)
# A document that is not there yet.
_NOBODY = UUID(int=0)


def preview_source(auth: AuthContext, source: Source) -> Preview:
    """Look ahead at an ingest of ``source``. Blocks up to ``MINIRAG_PREVIEW_SECONDS``.

    Raises ``RateLimited`` while this process has others to do, ``Unavailable`` where documents
    cannot be read at all.
    """
    with slot() as bounded:
        look = _Look(source, peek_index(auth.tenant_id), bounded)
        look.go()
    found = look.found
    known = price(look.index.space.model)
    found.cost_nano = known.cost(TokenUsage(found.tokens)) if known is not None else None
    found.minutes = _minutes(auth, found.new_chunks)
    return found


def _minutes(auth: AuthContext, chunks: int) -> float | None:
    if not chunks:
        return 0.0
    rate = embedding_rate(auth.tenant_id)
    return round(chunks / rate / 60, 2) if rate else None


@dataclass(slots=True)
class _Look:
    source: Source
    index: Index
    bounded: Bounded
    found: Preview = field(default_factory=Preview)
    listing: Listing = field(default_factory=Listing)
    # Rows that came back under another key.
    moved: set[UUID] = field(default_factory=set)
    read: int = 0

    def go(self) -> None:
        try:
            for items in self._groups():
                self._look_at(items)
        except TimeUp:
            self.found.complete = False
        if self.found.complete:
            self._say_removed()

    def _say_removed(self) -> None:
        """What an ingest would take away; whether it would wait for a second look is not said."""
        counts = self.found.counts
        bad = counts[Fate.FAILED]
        rows = rows_without_upload(self.source)
        lost = missing(self.source, rows, self.listing, good=sum(counts.values()) - bad, bad=bad)
        self.found.documents += [
            Change(row.key, row.title, Fate.REMOVED)
            for row in sorted(lost, key=lambda row: row.key)
            if row.pk not in self.moved
        ]

    def _groups(self) -> Iterator[Sequence[Item]]:
        """Few items at a time, until one of the limits is reached."""
        groups = list_items(self.source, self.index.signature, self.listing)
        step: Callable[[], list[Item] | None] = partial(next, groups, None)
        here = self.source.type in _LISTED_HERE
        while (items := step() if here else self.bounded.call(step)) is not None:
            for at in range(0, len(items), _TOGETHER):
                self.bounded.check()
                yield self._within(items[at : at + _TOGETHER])
                if not self.found.complete:
                    return

    def _within(self, items: Sequence[Item]) -> Sequence[Item]:
        """Those for which there is room; where there is none the look is not complete."""
        size = self.read
        for at, item in enumerate(items):
            size += item.document.size_bytes if item.document is not None else 0
            many = len(self.listing.present) + at >= settings.MINIRAG_PREVIEW_DOCUMENTS
            if many or size > settings.MINIRAG_PREVIEW_BYTES:
                self.found.complete = False
                return items[:at]
        return items

    def _look_at(self, items: Sequence[Item]) -> None:
        if not items:
            return
        readings = self.bounded.call(partial(load, self.source, items))
        self.read += sum(len(reading.raw.content) for reading in readings)
        self._take_over(readings)
        new = [r for r in readings if r.error is None and not is_unchanged(r, self.index.signature)]
        if new:
            self.bounded.call(partial(cut, self.index.size, new))
        rows = standing_rows([r.document.pk for r in new if r.document is not None])
        held = _chunk_counts(readings)
        for reading in readings:
            self.listing.present.add(reading.item.key)
            self.found.documents.append(self._change(reading, rows, held, reading in new))

    def _take_over(self, readings: Sequence[Reading]) -> None:
        """Documents that moved: the rows that an ingest would give them."""
        for reading in readings:
            if reading.document is None and reading.error is None:
                reading.document = self.listing.taken_over(reading.facts.content_hash)
                if reading.document is not None:
                    self.moved.add(reading.document.pk)

    def _change(
        self, reading: Reading, rows: Mapping[UUID, Rows], held: Mapping[UUID, int], new: bool
    ) -> Change:
        document, key = reading.document, reading.item.key
        if reading.error is not None:
            title = document.title if document is not None else key
            return Change(key, title, Fate.FAILED, error=reading.error.as_field())
        if document is not None and not new:
            return Change(key, document.title, Fate.UNCHANGED, held.get(document.pk, 0))
        return self._version(reading, rows)

    def _version(self, reading: Reading, rows: Mapping[UUID, Rows]) -> Change:
        """A document that would get a new version: the plan that an ingest would follow."""
        document, key = reading.document, reading.item.key
        if document is None:
            target = Target(_NOBODY, self.source.pk, 0, reuse=False)
        else:
            target = Target(document.pk, self.source.pk, document.generation, reuse=True)
        standing = rows.get(target.document_id, {})
        parsed = reading.parsed
        assert parsed is not None
        plan = make_plan(target, parsed.text, reading.chunks, None, standing)
        named = {row.point_id for row in standing.values()}
        fresh = [one.chunk for one in plan.chunks if one.point_id not in named]
        room = settings.MINIRAG_PREVIEW_CHUNKS - len(self.found.samples)
        self.found.samples += [Sample(key, one.chunk) for one in plan.chunks[: max(0, room)]]
        return Change(
            key,
            title_of(self.source, reading),
            Fate.CHANGED if target.generation else Fate.ADDED,
            len(plan.chunks),
            len(fresh),
            sum(chunk.token_count for chunk in fresh),
        )


def _chunk_counts(readings: Sequence[Reading]) -> Mapping[UUID, int]:
    ids = [reading.document.pk for reading in readings if reading.document is not None]
    rows = Chunk.objects.filter(document_id__in=ids).order_by().values_list("document_id")
    return dict(rows.annotate(Count("pk")))
