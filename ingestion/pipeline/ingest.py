"""``ingest_source``: bring a source's documents, chunks and points in line with what it holds now.

Documents go through in windows: read, parsed (in a child process) and cut one by one, embedded
together, flipped one by one. Memory is bounded by a window, not by the source.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial

from django.conf import settings
from django.db import transaction

from ingestion.chunking import chunk_text
from ingestion.claims import others_wait
from ingestion.leases import Cancelled, JobRun, TurnOver
from ingestion.parsing.sandbox import parse
from ingestion.pipeline.index import Index, open_index
from ingestion.pipeline.outcomes import Outcome, Tally
from ingestion.pipeline.plans import DocumentPlan, Facts, Target, make_plan
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.reading import Item, facts_of, list_items, load
from ingestion.pipeline.removal import prune, remove_leftovers
from ingestion.pipeline.versions import publish, touch_document
from minirag.errors import ErrorCode, MiniRAGError, ProviderRejected, UnreadableSource
from minirag.types import ParsedDocument, RawDocument, Stage, TextChunk
from sources.models import Chunk, Document, DocumentStatus, Source
from tenants.scope import platform_scope

# A window is closed at so many documents, or code points of text.
_MOST_DOCUMENTS = 64
_MOST_TEXT = 8_000_000
# What concerns one document alone.
_OWN_FAULTS = (ErrorCode.UNREADABLE_SOURCE, ErrorCode.ADDRESS_REFUSED, ErrorCode.TOO_LARGE)
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
    for item in list_items(source):
        if work.full:
            _close_window(work)
            _make_room(work)
        _take(work, item)
    _close_window(work)
    if not work.tally.bad:
        prune(run, source, work.tally.keys)
    remove_leftovers(run, work.index, source.pk)
    return work.tally.outcome()


def _take(work: _Work, item: Item) -> None:
    """Read one item into the window, or count it as unchanged or failed."""
    work.progress.at(Stage.LOAD)
    work.tally.keys.add(item.key)
    try:
        raw = load(work.run, work.source, item)
        facts = facts_of(work.source, item, raw)
        if _unchanged(work, item, facts):
            return
        document = _begin(work.run, work.source, item, raw)
        work.progress.at(Stage.CHUNK)
        parsed, chunks = work.run.call(partial(_parse_and_cut, raw, work.index))
    except MiniRAGError as error:
        if error.code not in _OWN_FAULTS:
            raise
        _fail(work, item, error)
        return
    facts = replace(facts, title=raw.title or parsed.title or item.key)
    facts = replace(facts, metadata={**parsed.metadata, **facts.metadata})
    reuse = work.index.same_space(document.index_model)
    target = Target(document.pk, work.source.pk, document.generation, reuse)
    plan = make_plan(work.index, target, parsed.text, chunks, facts)
    work.window.append(plan)
    work.progress.found(len(plan.chunks))


def _parse_and_cut(raw: RawDocument, index: Index) -> tuple[ParsedDocument, list[TextChunk]]:
    parsed = parse(raw)
    chunks = chunk_text(parsed, size=index.size.size, overlap=index.size.overlap)
    if not chunks:
        raise UnreadableSource("There is no text in it.")
    return parsed, chunks


def _unchanged(work: _Work, item: Item, facts: Facts) -> bool:
    """Whether the row has this very content already; then at most its labels are renewed."""
    document = item.document
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
    chunks = Chunk.objects.filter(document_id=document.pk).count()
    work.tally.good += 1
    work.progress.found(chunks)
    work.progress.advance(chunks)
    return True


def _begin(run: JobRun, source: Source, item: Item, raw: RawDocument) -> Document:
    """The row, marked as under way before anything is made for it."""
    with transaction.atomic():
        run.fence()
        document = item.document or _new_document(source, item, raw)
        Document.objects.filter(pk=document.pk).update(
            status=DocumentStatus.PROCESSING, error=None, size_bytes=len(raw.content)
        )
    return document


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
    work.begun = time.monotonic()
