"""``ingest_source``: bring a source's documents, chunks and points in line with what it holds now.

Documents go through in groups and windows: a group is read, parsed (in child processes) and cut,
while the one before it is planned; a window of plans is embedded together and flipped. Memory is
bounded by the groups under way and one window, not by the source.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from ingestion.leases import Cancelled, JobRun, TurnOver
from ingestion.pipeline import rows as documents
from ingestion.pipeline.doubles import Doubles
from ingestion.pipeline.index import Index, open_index
from ingestion.pipeline.listing import Listing
from ingestion.pipeline.listings import list_items
from ingestion.pipeline.moves import Moves
from ingestion.pipeline.outcomes import Outcome, Tally
from ingestion.pipeline.plans import DocumentPlan, Rows, Target, make_plan, standing_rows
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.reading import (
    Item,
    Reading,
    cut,
    held_bytes,
    load,
    title_of,
    weight,
)
from ingestion.pipeline.removal import remove_leftovers
from ingestion.pipeline.sync import finish
from ingestion.pipeline.turns import Turn
from ingestion.pipeline.unchanged import is_unchanged, stale_labels
from ingestion.pipeline.vectors import round_size
from ingestion.pipeline.versions import publish, touch_documents
from ingestion.pipeline.window import Window
from ingestion.suspects import least_suspect_first, verdict, without_suspects
from minirag.errors import MiniRAGError, ProviderRejected
from minirag.types import Stage
from sources.models import WEB_TYPES, Chunk, Source

# Bytes of documents that are parsed ahead.
_MOST_AHEAD = 4 * 1024 * 1024
# Documents that a provider may reject before anything went well: then it is the source's model.
_MOST_REJECTED = 3


@dataclass(slots=True)
class _Work:
    """One run over one source."""

    run: JobRun
    source: Source
    index: Index
    progress: Progress
    turn: Turn
    listing: Listing = field(default_factory=Listing)
    tally: Tally = field(default_factory=Tally)
    # Keys of the documents in the window.
    keys: dict[UUID, str] = field(default_factory=dict)
    turn_over: bool = False
    # Whether others waited when the last group was begun; asking again begins a new slice.
    waited_for: bool = False
    # Groups that are read and not looked at yet, and whether there is none after them.
    coming: int = 0
    listed: bool = False
    window: Window = field(init=False)
    doubles: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self.window = Window(round_size(self.index))
        self.doubles = Doubles(self.source, self.listing)


def ingest_source(run: JobRun) -> Outcome:
    """Run one ingest job to its end. Raises ``MiniRAGError`` where the job as a whole cannot go on.

    Nothing that stood before is taken away until its successor is whole.
    """
    source = Source.objects.filter(pk=run.job.source_id, deleted_at__isnull=True).first()
    if source is None:
        raise Cancelled
    work = _Work(run, source, open_index(run), Progress(run), Turn(run))
    listed = list_items(source, work.index.signature, work.listing, run.job)
    apart: list[Item] = []
    _read(work, without_suspects(run.job, listed, apart))
    tries = list(least_suspect_first(run.job, apart, held_bytes))
    for left, items in zip(reversed(range(len(tries))), tries, strict=True):
        _read(work, iter([[_unless_hopeless(run, item) for item in items]]))
        if left and (work.waited_for or work.turn.waited_for()):
            raise TurnOver
    run.begin(())
    moves = Moves(run, work.index, work.progress)
    finish(moves, source, work.listing, work.tally)
    remove_leftovers(run, work.index, source.pk)
    return work.tally.outcome()


def _read(work: _Work, groups: Iterator[list[Item]]) -> None:
    """Take in what ``groups`` hold; at the end nothing of it is under way."""
    cutting = partial(cut, work.index.size)
    ahead = work.run.ahead(cutting, _begun(work, groups), weight, _MOST_AHEAD)
    work.coming, work.listed = 0, False
    with closing(ahead):
        for readings in ahead:
            work.coming -= 1
            stood = [r.document.pk for r in readings if r.document and r.document.generation]
            rows = standing_rows(stood) if stood else {}
            for reading in readings:
                _take(work, reading, rows)
            # Not only where a window is full: documents that fail, or are slow to read, fill none.
            if _can_break_off(work, readings) and work.turn.waited_for():
                _close_window(work)
                raise TurnOver
    _close_window(work)
    if work.turn_over:
        raise TurnOver


def _can_break_off(work: _Work, readings: Sequence[Reading]) -> bool:
    """Whether there is more to come, and nothing that its server would be asked for once more."""
    if all(reading.error is not None for reading in readings):
        return True
    return (bool(work.coming) or not work.listed) and work.source.type not in WEB_TYPES


def _unless_hopeless(run: JobRun, item: Item) -> Item:
    """A document over which a worker may have died: as it is, or failed without another look."""
    error = verdict(run.job, item.key)
    return item if error is None else replace(item, raw=None, unchanged=False, error=error)


def _begun(work: _Work, groups: Iterator[list[Item]]) -> Iterator[list[Reading]]:
    """What has to be parsed, read group by group; what is unchanged or unreadable is counted."""
    work.waited_for = False
    work.progress.at(Stage.LOAD)  # before the first page of a slow site has come
    while (items := _next(work, groups)) is not None:
        work.progress.at(Stage.LOAD)
        work.listing.present.update(item.key for item in items)
        work.run.documents_read = len(work.listing.present)
        work.run.begin(item.key for item in items)
        readings = work.run.call(partial(load, work.source, items))
        _fail(work, [reading for reading in readings if reading.error is not None])
        readable = [reading for reading in readings if reading.error is None]
        documents.take_over(work.run, work.listing, readable)
        changed = _changed(work, readable)
        fetched = any(item.asked and item.failed is None for item in items)
        if work.waited_for and changed and not fetched:
            work.turn_over = True
            return
        if changed:
            _fail(work, documents.begin(work.run, work.source, changed))
            changed = [reading for reading in changed if reading.error is None]
            work.progress.at(Stage.CHUNK)
            work.coming += 1
            yield changed
        elif not fetched:
            work.turn.again()  # an earlier turn's work: a turn that only passed it by would be none
            continue
        # Pages that were fetched already are one group more: it may have been the last one.
        if work.waited_for:
            work.turn_over = True
            return
        work.waited_for = work.turn.waited_for()
    work.listed = True


def _next(work: _Work, groups: Iterator[list[Item]]) -> list[Item] | None:
    """The next group; what was passed by on the way to it is counted."""
    # Listing may fetch: beside this thread, which stays free to stop.
    items: list[Item] | None = work.run.call(partial(next, groups, None))
    documents_settled, chunks = work.listing.take_settled()
    if documents_settled:
        work.run.documents_read = len(work.listing.present)
        _stand(work, documents_settled, chunks)
        work.turn.again()  # an earlier turn's work: a turn that only passed it by would be none
    return items


def _stand(work: _Work, standing: int, chunks: int) -> None:
    """So many documents are good as they are, with so many chunks."""
    work.tally.good += standing
    work.progress.found(chunks)
    work.progress.advance(chunks)


def _take(work: _Work, reading: Reading, rows: Mapping[UUID, Rows]) -> None:
    """One parsed document into the window, or counted as failed."""
    document, parsed = reading.document, reading.parsed
    if reading.error is not None:
        _fail(work, [reading])
        return
    assert document is not None and parsed is not None
    if work.doubles.has(reading, held=document.text_hash == reading.text_hash):
        work.run.finished([reading.item.key])
        return
    if work.window.full:
        _close_window(work)
        if work.turn.waited_for():
            raise TurnOver
    title = title_of(work.source, reading)
    metadata = {**parsed.metadata, **reading.facts.metadata}
    facts = replace(reading.facts, title=title, metadata=metadata, text_hash=reading.text_hash)
    target = Target(document.pk, work.source.pk, document.generation, reuse=True)
    plan = make_plan(target, parsed.text, reading.chunks, facts, rows.get(document.pk, {}))
    work.window.add(plan)
    work.keys[document.pk] = reading.item.key
    work.progress.found(len(plan.chunks))


def _changed(work: _Work, readings: Sequence[Reading]) -> list[Reading]:
    """Those whose rows do not have this very content already; labels of others are renewed."""
    same: list[Reading] = []
    changed: list[Reading] = []
    signature = work.index.signature
    for reading in readings:
        (same if is_unchanged(reading, signature) else changed).append(reading)
    work.run.finished(reading.item.key for reading in same)
    same = [reading for reading in same if not work.doubles.has(reading, held=True)]
    if same:
        stale = [
            (reading.document, labels)
            for reading in same
            if reading.document is not None
            and (labels := stale_labels(reading, work.source.metadata)) is not None
        ]
        if stale:
            touch_documents(work.run, stale)
        documents.checked(work.source, [r.document for r in same if r.document is not None])
        ids = [reading.document.pk for reading in same if reading.document is not None]
        _stand(work, len(same), Chunk.objects.filter(document_id__in=ids).count())
    return changed


def _fail(work: _Work, readings: Sequence[Reading]) -> None:
    """Documents that fail alone: what they said before goes on answering."""
    if not readings:
        return
    if fresh := [reading for reading in readings if reading.item.failed is None]:
        documents.failed(work.run, work.source, fresh)
    for reading in readings:
        assert reading.error is not None
        work.tally.failed(reading.item.key, reading.error)
    work.run.finished(reading.item.key for reading in readings)


def _close_window(work: _Work) -> None:
    """Publish the window; where the provider rejects it, document by document."""
    plans = work.window.take()
    if not plans:
        return
    begun = time.monotonic()
    try:
        embedded = _publish(work, plans)
        work.window.took(time.monotonic() - begun, embedded)
    except ProviderRejected as error:
        if len(plans) == 1:
            _rejected(work, plans[0], error)
            return
        for plan in plans:
            _publish_alone(work, plan)


def _publish(work: _Work, plans: Sequence[DocumentPlan]) -> int:
    embedded = publish(work.run, work.index, plans, work.progress)
    work.tally.good += len(plans)
    work.run.finished(work.keys.pop(plan.document_id) for plan in plans)
    return embedded


def _publish_alone(work: _Work, plan: DocumentPlan) -> None:
    """One of many that were rejected together: each may take a call, so others get their turn."""
    if work.turn.waited_for():
        raise TurnOver
    try:
        _publish(work, [plan])
    except ProviderRejected as error:
        _rejected(work, plan, error)


def _rejected(work: _Work, plan: DocumentPlan, error: MiniRAGError) -> None:
    documents.rejected(work.run, plan.document_id, error)
    key = work.keys.pop(plan.document_id)
    work.tally.failed(key, error)
    work.run.finished([key])
    if not work.tally.good and work.tally.bad >= _MOST_REJECTED:
        raise error
