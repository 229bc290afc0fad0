"""Plans made real: points first, counted, then one transaction per document, then the sweep."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from ingestion.clock import database_now
from ingestion.leases import JobRun
from ingestion.pipeline.index import Index, Shelf, known_space, spaces_beside
from ingestion.pipeline.plans import DocumentPlan, Facts, PlannedChunk
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.reuse import copy_known
from ingestion.pipeline.vectors import Todo, embed_and_store
from minirag.errors import RetrievalUnavailable, Unavailable
from minirag.formats import LONGEST_URL
from minirag.types import PointSelector, Stage
from sources.models import Chunk, Document, DocumentStatus
from sources.uploads import discard_on_commit
from tenants.bulk import Row, upsert

# What a flip writes on a chunk whose text stands; and where only its point is new.
_REWRITTEN = (
    "ordinal", "start", "end", "page", "page_breaks", "heading_path", "token_count",
    "qdrant_point_id", "embedded_hash",
)  # fmt: skip
# What a flip writes on a document; and where only its points are new.
_SAME = ("generation", "status", "error", "updated_at", "flipped_by")
_NEW = (
    *_SAME, "index_model", "text", "text_length", "title", "url", "mime_type", "content_hash",
    "metadata", "upload", "pending_upload", "text_hash", "etag", "last_modified", "links",
    "container", "checked_at",
)  # fmt: skip
_LABELS = tuple(
    name for name in _NEW if name not in ("generation", "index_model", "text", "text_length")
)
_Flip = tuple[Document, DocumentPlan]
# Documents that change their version in one transaction: few, so that no lock is held for long.
_FLIPS = 128


def publish(run: JobRun, index: Index, plans: Sequence[DocumentPlan], progress: Progress) -> int:
    """Bring the documents of ``plans`` to their next version. Old ones answer until their flip.

    Returns how many chunks had to be embedded.
    """
    unknown: Sequence[Todo] = ()
    ids = [plan.document_id for plan in plans]
    untouched = _mark(run, ids) and all(plan.generation == 1 for plan in plans)
    present = set() if untouched else stored_points(run, index, ids)
    todo = [
        _todo(plan, planned)
        for plan in plans
        for planned in plan.chunks
        if planned.point_id not in present
    ]
    progress.advance(sum(len(plan.chunks) for plan in plans) - len(todo))
    if todo:
        # A reindex makes every vector anew: it does not trust those that it finds.
        anew = all(plan.facts is None for plan in plans)
        unknown = todo if anew else copy_known(run, index, todo, progress)
        embed_and_store(run, index, unknown, progress)
        present = stored_points(run, index, ids)
    if any(not plan.point_ids <= present for plan in plans):
        raise RetrievalUnavailable("The index did not take all of the vectors.")
    written: list[DocumentPlan] = []
    for at in range(0, len(plans), _FLIPS):
        written += flip(run, index, plans[at : at + _FLIPS])
    progress.at(Stage.SWEEP)
    # What was written just now stands as it was planned: only of the others the rows are asked.
    named = {id_ for plan in written for id_ in plan.point_ids}
    live = named | live_points(set(ids) - {plan.document_id for plan in written})
    sweep_points(run, index, ids, present, live)
    return len(unknown)


def _todo(plan: DocumentPlan, planned: PlannedChunk) -> Todo:
    return Todo(
        point_id=planned.point_id,
        chunk_id=planned.id,
        document_id=plan.document_id,
        source_id=plan.source_id,
        text=planned.embedded,
        digest=planned.embedded_hash,
        token_count=planned.chunk.token_count,
    )


def _mark(run: JobRun, document_ids: Sequence[UUID]) -> bool:
    """Say on the rows that points are coming, before the first one comes.

    False where a mark was there: an earlier attempt may have left points.
    """
    with transaction.atomic():
        run.fence()
        unmarked = Document.objects.filter(pk__in=document_ids, stale_points=False)
        return bool(unmarked.update(stale_points=True) == len(set(document_ids)))


def stored_points(run: JobRun, shelf: Shelf, document_ids: Sequence[UUID]) -> set[UUID]:
    """Ids of all points that the store holds for these documents."""
    selector = PointSelector(document_ids=document_ids)
    return run.call(lambda: set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, selector)))


def flip(run: JobRun, index: Index, plans: Sequence[DocumentPlan]) -> list[DocumentPlan]:
    """One transaction: rows of the new versions instead of those of the old ones.

    A document that was deleted, or got a newer upload meanwhile, is left as it stands. Returns the
    plans that were written.
    """
    with transaction.atomic():
        run.fence()
        _same_space(index)
        ids = [plan.document_id for plan in plans]
        documents = Document.objects.select_for_update().order_by("pk").defer("text").in_bulk(ids)
        wanted = [
            (documents[plan.document_id], plan)
            for plan in plans
            if plan.document_id in documents and _still_wanted(documents[plan.document_id], plan)
        ]
        _write_chunks(wanted)
        now = database_now()
        for document, plan in wanted:
            _change_document(document, index, plan, now)
            document.flipped_by = run.job.pk
        _write_documents([document for document, plan in wanted if plan.facts is not None], _NEW)
        _write_documents([document for document, plan in wanted if plan.facts is None], _SAME)
        return [plan for _, plan in wanted]


def _write_chunks(wanted: Sequence[_Flip]) -> None:
    known = [document.pk for document, _ in wanted if document.generation]
    if known:
        keep = {planned.id for _, plan in wanted for planned in plan.chunks}
        rows = Chunk.objects.filter(document_id__in=known)
        _delete_chunks(set(rows.values_list("id", flat=True)) - keep)
    written = [row for document, plan in wanted for row in _chunk_rows(document, plan)]
    upsert(Chunk, written, _REWRITTEN)


def _write_documents(documents: Sequence[Document], fields: Sequence[str]) -> None:
    """The rows exist and are held, so each conflicts and is updated; ``bulk_update`` would write a
    CASE with every text in it.
    """
    upsert(Document, [vars(document) for document in documents], fields)


def _same_space(index: Index) -> None:
    """Vectors of a model that was exchanged meanwhile must not go live."""
    if known_space(index.tenant_id) != index.space:
        raise Unavailable("The embedding model was changed meanwhile.")


def _still_wanted(document: Document, plan: DocumentPlan) -> bool:
    if document.deleted_at is not None or document.generation != plan.generation - 1:
        return False
    facts = plan.facts
    if facts is None or not facts.stored_name:
        return True
    return facts.stored_name == (document.pending_upload or document.upload)


def _delete_chunks(ids: set[UUID]) -> None:
    doomed = list(ids)
    for at in range(0, len(doomed), 500):
        Chunk.objects.filter(pk__in=doomed[at : at + 500]).delete()


def _chunk_rows(document: Document, plan: DocumentPlan) -> list[Row]:
    return [
        {
            "id": planned.id,
            "tenant_id": document.tenant_id,
            "document_id": document.pk,
            "source_id": document.source_id,
            "ordinal": planned.chunk.ordinal,
            "text": planned.chunk.text,
            "text_hash": planned.text_hash,
            "occurrence": planned.occurrence,
            "start": planned.chunk.start,
            "end": planned.chunk.end,
            "page": planned.chunk.page,
            "page_breaks": planned.chunk.page_breaks,
            "heading_path": planned.chunk.heading_path,
            "token_count": planned.chunk.token_count,
            "qdrant_point_id": planned.point_id,
            "embedded_hash": planned.embedded_hash,
        }
        for planned in plan.chunks
    ]


def _change_document(document: Document, index: Index, plan: DocumentPlan, now: datetime) -> None:
    document.generation = plan.generation
    document.status = DocumentStatus.READY
    document.error = None
    if plan.facts is not None:
        document.index_model = index.signature
        document.text, document.text_length = plan.text, len(plan.text)
        apply_facts(document, plan.facts, now)
    else:  # the chunks are those of before: only their vectors are new
        document.text = ""  # stands in no statement


def apply_facts(document: Document, facts: Facts, now: datetime) -> None:
    """Set what is known beside the text; a pending upload becomes the stored one."""
    document.title, document.url = facts.title[:500], facts.url[:LONGEST_URL]
    document.mime_type = facts.mime_type[:200]
    document.content_hash = facts.content_hash
    document.metadata = dict(facts.metadata)
    document.text_hash = facts.text_hash
    document.etag, document.last_modified = facts.etag, facts.last_modified
    document.links = list(facts.links)
    document.container_id = facts.container_id
    document.checked_at = now
    if facts.stored_name and facts.stored_name == document.pending_upload:
        discard_on_commit([document.upload])
        document.upload, document.pending_upload = document.pending_upload, ""


def sweep_points(
    run: JobRun, shelf: Shelf, document_ids: Sequence[UUID], present: set[UUID], live: set[UUID]
) -> None:
    """Delete those of the ``present`` points that are not ``live``, then take the marks off.

    What stands of them in an index that is kept or being built goes too. Only with the job in hand:
    nobody else writes points of these documents meanwhile.
    """
    run.confirm()
    _delete_dead(run, shelf, present - live)
    for space in spaces_beside(shelf.tenant_id):
        beside = Shelf(shelf.tenant_id, space, shelf.store)
        if space != shelf.space:
            _delete_dead(run, beside, stored_points(run, beside, document_ids) - live)
    with transaction.atomic():
        run.fence()
        Document.objects.filter(pk__in=document_ids).update(stale_points=False)


def _delete_dead(run: JobRun, shelf: Shelf, doomed: set[UUID]) -> None:
    if doomed:
        selector = PointSelector(point_ids=list(doomed))
        run.call(partial(shelf.store.delete, shelf.space, shelf.tenant_id, selector))
        # With the marks still on, so that the next attempt deletes what this one did not.
        if run.call(partial(shelf.store.count, shelf.space, shelf.tenant_id, selector)):
            raise RetrievalUnavailable("The index did not delete all of the vectors.")


def live_points(document_ids: Collection[UUID]) -> set[UUID]:
    """Ids of the points that chunk rows of these documents name."""
    if not document_ids:
        return set()
    live = Document.objects.filter(pk__in=document_ids, deleted_at__isnull=True)
    # Two questions instead of a join: each has one good plan, with or without statistics.
    chunks = Chunk.objects.filter(document_id__in=list(live.values_list("pk", flat=True)))
    return set(chunks.order_by().values_list("qdrant_point_id", flat=True))


def touch_documents(run: JobRun, labels: Sequence[tuple[Document, Facts]]) -> None:
    """The same texts under other titles, addresses or stored files: no version, no vectors."""
    with transaction.atomic():
        run.fence()
        ids = [document.pk for document, _ in labels]
        rows = Document.objects.select_for_update().order_by("pk").defer("text").in_bulk(ids)
        touched, now = [], database_now()
        for document, facts in labels:
            row = rows.get(document.pk)
            if row is None or row.deleted_at is not None:
                continue
            if row.pending_upload not in ("", facts.stored_name):
                continue  # a newer file came meanwhile: the next ingest reads it
            apply_facts(row, facts, now)
            row.status, row.error = DocumentStatus.READY, None
            row.updated_at = now
            row.text = ""  # stands in no statement
            touched.append(row)
        _write_documents(touched, _LABELS)
