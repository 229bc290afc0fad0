"""``ingest_source``: bring a source's documents, chunks and points in line with what it holds now.

Documents go through in groups and windows: a group is read, parsed (in child processes) and cut,
while the one before it is planned; a window of plans is embedded together and flipped. Memory is
bounded by the groups under way and one window, not by the source.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ingestion.claims import others_wait
from ingestion.leases import Cancelled, JobRun, TurnOver
from ingestion.pipeline.index import Index, is_switching, open_index
from ingestion.pipeline.outcomes import Outcome, Tally
from ingestion.pipeline.plans import DocumentPlan, Rows, Target, make_plan, standing_rows
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.reading import Item, Reading, cut, list_items, load, weight
from ingestion.pipeline.removal import prune, remove_leftovers
from ingestion.pipeline.versions import publish, touch_document
from minirag.errors import MiniRAGError, ProviderRejected
from minirag.types import RawDocument, Stage
from sources.models import Chunk, Document, DocumentStatus, Source
from tenants.scope import platform_scope

# A window is closed at so many documents, or code points of text.
_MOST_DOCUMENTS = 64
_MOST_TEXT = 8_000_000
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
    tally: Tally = field(default_factory=Tally)
    window: list[DocumentPlan] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    @property
    def full(self) -> bool:
        fresh = sum(plan.fresh for plan in self.window)
        lanes = max(1, settings.MINIRAG_EMBED_PARALLEL)
        return (
            fresh >= lanes * self.index.embedder.batch_limit
            or len(self.window) >= _MOST_DOCUMENTS
            or sum(len(plan.text) for plan in self.window) >= _MOST_TEXT
        )


def ingest_source(run: JobRun) -> Outcome:
    """Run one ingest job to its end. Raises ``MiniRAGError`` where the job as a whole cannot go on.

    Nothing that stood before is taken away until its successor is whole.
    """
    source = Source.objects.filter(pk=run.job.source_id, deleted_at__isnull=True).first()
    if source is None:
        raise Cancelled
    work = _Work(run, source, open_index(run), Progress(run))
    cutting = partial(cut, work.index.size)
    for readings in run.ahead(cutting, _begun(work), weight, _MOST_AHEAD):
        rows = standing_rows([r.document.pk for r in readings if r.document])
        for reading in readings:
            _take(work, reading, rows)
    _close_window(work)
    if not work.tally.bad:
        prune(run, source, work.tally.keys)
    remove_leftovers(run, work.index, source.pk)
    return work.tally.outcome()


def _begun(work: _Work) -> Iterator[list[Reading]]:
    """What has to be parsed, read group by group; what is unchanged or unreadable is counted."""
    for items in list_items(work.source):
        work.progress.at(Stage.LOAD)
        work.tally.keys.update(item.key for item in items)
        readings = work.run.call(partial(load, work.source, items))
        for failed in readings:
            if failed.error is not None:
                _fail(work, failed.item, failed.error)
        changed = _changed(work, [reading for reading in readings if reading.error is None])
        if changed:
            _begin(work, changed)
            work.progress.at(Stage.CHUNK)
            yield changed


def _take(work: _Work, reading: Reading, rows: Mapping[UUID, Rows]) -> None:
    """One parsed document into the window, or counted as failed."""
    document, parsed = reading.document, reading.parsed
    if reading.error is not None:
        _fail(work, reading.item, reading.error)
        return
    assert document is not None and parsed is not None
    if work.full:
        _close_window(work)
        _make_room(work)
    title = reading.raw.title or parsed.title or reading.item.key
    metadata = {**parsed.metadata, **reading.facts.metadata}
    facts = replace(reading.facts, title=title, metadata=metadata)
    target = Target(document.pk, work.source.pk, document.generation, reuse=True)
    plan = make_plan(target, parsed.text, reading.chunks, facts, rows[document.pk])
    work.window.append(plan)
    work.progress.found(len(plan.chunks))


def _changed(work: _Work, readings: Sequence[Reading]) -> list[Reading]:
    """Those whose rows do not have this very content already."""
    same = [reading for reading in readings if _unchanged(work, reading)]
    if not same:
        return list(readings)
    documents = [reading.document.pk for reading in same if reading.document is not None]
    chunks = Chunk.objects.filter(document_id__in=documents).count()
    work.tally.good += len(same)
    work.progress.found(chunks)
    work.progress.advance(chunks)
    return [reading for reading in readings if reading not in same]


def _unchanged(work: _Work, reading: Reading) -> bool:
    """Whether the row has this very content already; then at most its labels are renewed."""
    document, facts = reading.document, reading.facts
    if document is None or not document.generation or document.error is not None:
        return False
    same = (facts.content_hash, work.index.signature)
    if (document.content_hash, document.index_model) != same:
        return False
    labels = replace(facts, title=document.title, metadata=document.metadata)
    moved = document.pending_upload or (document.url, document.status) != (
        facts.url[:2000],
        DocumentStatus.READY,
    )
    if moved:
        touch_document(work.run, document.pk, labels)
    return True


def _begin(work: _Work, readings: Sequence[Reading]) -> None:
    """The rows, marked as under way before anything is made for them."""
    with transaction.atomic():
        work.run.fence()
        for reading in readings:
            if reading.document is None:
                reading.document = _new_document(work.source, reading.item, reading.raw)
            if not reading.item.stored_name:  # an upload's size stands since it came
                size = len(reading.raw.content)
                Document.objects.filter(pk=reading.document.pk).update(size_bytes=size)
        ids = [reading.document.pk for reading in readings if reading.document]
        Document.objects.filter(pk__in=ids).update(status=DocumentStatus.PROCESSING, error=None)


def _new_document(source: Source, item: Item, raw: RawDocument) -> Document:
    document, _ = Document.objects.get_or_create(
        source=source,
        key=item.key,
        deleted_at__isnull=True,
        defaults={
            "tenant_id": source.tenant_id,
            "title": (raw.title or item.key)[:500],
            "mime_type": raw.mime_type[:200],
        },
    )
    found: Document = document
    return found


def _fail(work: _Work, item: Item, error: MiniRAGError) -> None:
    """One document fails alone: what it said before goes on answering."""
    with transaction.atomic():
        work.run.fence()
        rows = Document.objects.filter(source=work.source, key=item.key, deleted_at__isnull=True)
        if item.stored_name and item.document is not None:
            # A newer upload took the place of the file that could not be read.
            rows = rows.filter(
                upload=item.document.upload, pending_upload=item.document.pending_upload
            )
        rows.update(status=DocumentStatus.FAILED, error=error.as_field())
    work.tally.failed(error)


def _close_window(work: _Work) -> None:
    """Publish the window; where the provider rejects it, document by document."""
    plans, work.window = work.window, []
    if not plans:
        return
    try:
        publish(work.run, work.index, plans, work.progress)
        work.tally.good += len(plans)
    except ProviderRejected as error:
        if len(plans) == 1:
            _rejected(work, plans[0], error)
            return
        for plan in plans:
            work.window = [plan]
            _close_window(work)


def _rejected(work: _Work, plan: DocumentPlan, error: ProviderRejected) -> None:
    with transaction.atomic():
        work.run.fence()
        Document.objects.filter(pk=plan.document_id).update(
            status=DocumentStatus.FAILED, error=error.as_field()
        )
    work.tally.failed(error)
    if not work.tally.good and work.tally.bad >= _MOST_REJECTED:
        raise error


def _make_room(work: _Work) -> None:
    """After a while, let the tenants go first that wait; what is done is done."""
    if time.monotonic() - work.begun < settings.MINIRAG_JOB_SLICE_SECONDS:
        return
    with platform_scope("does another tenant wait for a worker"):
        waiting = others_wait(work.run.job.tenant_id)
    if waiting:
        raise TurnOver
    if is_switching(work.run.job.tenant_id):
        raise TurnOver("The tenant's index is just being exchanged.")
    work.begun = time.monotonic()
