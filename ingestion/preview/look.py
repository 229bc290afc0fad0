"""One look at one source, by the functions that an ingest reads it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.conf import settings

from ingestion.pipeline.doubles import Doubles
from ingestion.pipeline.index import Index, peek_index
from ingestion.pipeline.listing import Listing
from ingestion.pipeline.listings import list_items
from ingestion.pipeline.plans import DocumentPlan, PlannedChunk
from ingestion.pipeline.reading import Item, Reading, cut, load, title_of
from ingestion.pipeline.rows import growth
from ingestion.pipeline.unchanged import is_unchanged
from ingestion.preview.bounds import Bounded, TimeUp, slot
from ingestion.preview.ends import Ends, Newcomer, chunk_counts
from ingestion.preview.plans import Planner
from ingestion.preview.results import Change, Fate, Preview, Sample
from ingestion.selectors import embedding_rate
from minirag.types import TokenUsage
from sources.models import Source, SourceType
from sources.quota import room_for
from tenants.context import AuthContext
from usage.pricing import price

# Documents read together: few, so that something is known when time is up.
_TOGETHER = 8
# Their listing asks the database only; that of others asks a web site.
_LISTED_HERE = (SourceType.TEXT, SourceType.FILE)


def preview_source(auth: AuthContext, source: Source) -> Preview:
    """Look ahead at an ingest of ``source``. Blocks up to ``MINIRAG_PREVIEW_SECONDS``.

    Raises ``RateLimited`` while this process has others to do, ``Unavailable`` where documents
    cannot be read at all, ``RetrievalUnavailable`` where the index does not answer.
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
    planner: Planner = field(init=False)
    doubles: Doubles = field(init=False)
    # Rows that came back under another key; documents whose key has no row.
    taken: set[UUID] = field(default_factory=set)
    made: dict[str, Newcomer] = field(default_factory=dict)
    # Documents and bytes that the tenant would hold more, so far.
    grown: list[tuple[int, int]] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        self.planner = Planner(self.source, self.index, self.bounded)
        self.doubles = Doubles(self.source, self.listing)

    def go(self) -> None:
        try:
            for items in self._groups():
                self._look_at(items)
        except TimeUp:
            self.found.complete = False
        if self.found.complete:
            signature, seen = self.index.signature, self.found.documents
            ends = Ends(self.source, self.listing, signature, seen, self.made, self.taken)
            self.found.documents = ends.settled()

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
        self.listing.present.update(item.key for item in items)
        self._take_over(readings)
        good = [reading for reading in readings if reading.error is None]
        same = [reading for reading in good if is_unchanged(reading, self.index.signature)]
        # As in an ingest, what needs no reading has its words first.
        gone = [reading for reading in same if self.doubles.has(reading, held=True)]
        new = [reading for reading in good if reading not in same]
        self._refuse(new)
        parsed = self._cut([reading for reading in new if reading.error is None])
        gone += [reading for reading in parsed if self.doubles.has(reading, held=_held(reading))]
        wanted = [reading for reading in parsed if reading not in gone]
        plans = dict(zip(map(id, wanted), self.planner.plans(wanted), strict=True))
        held = chunk_counts([r.document.pk for r in readings if r.document is not None])
        for reading in readings:
            if reading in wanted:
                self.found.documents.append(self._version(reading, *plans[id(reading)]))
            elif reading not in gone:
                chunks = held.get(reading.document.pk, 0) if reading.document is not None else 0
                self.found.documents.append(self._as_it_is(reading, chunks))

    def _take_over(self, readings: Sequence[Reading]) -> None:
        """Documents that moved: the rows that an ingest would give them."""
        for reading in readings:
            if reading.document is None and reading.error is None:
                reading.document = self.listing.taken_over(reading.facts.content_hash)
                if reading.document is not None:
                    self.taken.add(reading.document.pk)

    def _refuse(self, readings: Sequence[Reading]) -> None:
        """An error on those for which the tenant has no room."""
        self.grown += [growth(reading) for reading in readings]
        errors = room_for(self.source.tenant_id, self.grown)[len(self.grown) - len(readings) :]
        for reading, error in zip(readings, errors, strict=True):
            reading.error = error

    def _cut(self, readings: Sequence[Reading]) -> list[Reading]:
        """Those of ``readings`` that could be parsed."""
        if readings:
            self.bounded.call(partial(cut, self.index.size, readings))
        return [reading for reading in readings if reading.error is None]

    def _as_it_is(self, reading: Reading, chunks: int) -> Change:
        """A document that stays at what it says, or at nothing."""
        document, key = reading.document, reading.item.key
        title = document.title if document is not None else key
        if reading.error is not None:
            return Change(key, title, Fate.FAILED, chunks, error=reading.error.as_field())
        moved = document is not None and document.pk in self.taken
        return Change(key, title, Fate.MOVED if moved else Fate.UNCHANGED, chunks)

    def _version(
        self, reading: Reading, plan: DocumentPlan, fresh: Sequence[PlannedChunk]
    ) -> Change:
        """A document that would get a new version."""
        document, parsed, key = reading.document, reading.parsed, reading.item.key
        assert parsed is not None
        if document is None:
            names = frozenset((one.text_hash, one.occurrence) for one in plan.chunks)
            self.made[key] = Newcomer(reading.text_hash, names)
        room = settings.MINIRAG_PREVIEW_CHUNKS - len(self.found.samples)
        self.found.samples += [Sample(key, one.chunk) for one in plan.chunks[: max(0, room)]]
        fate = Fate.CHANGED if plan.generation > 1 else Fate.ADDED
        if document is not None and document.pk in self.taken:
            fate = Fate.MOVED
        return Change(
            key,
            title_of(self.source, reading),
            fate,
            len(plan.chunks),
            len(fresh),
            sum(one.chunk.token_count for one in fresh),
        )


def _held(reading: Reading) -> bool:
    """Whether its row has these words already."""
    return reading.document is not None and reading.document.text_hash == reading.text_hash
