"""What is gone goes everywhere: points, files, rows. Tombstones come first, rows go last."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from ingestion.leases import JobRun
from ingestion.models import IngestJob, JobState
from ingestion.pipeline.index import Shelf, known_shelf, shelves
from ingestion.pipeline.outcomes import Outcome
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.versions import live_points, stored_points, sweep_points
from minirag.errors import RetrievalUnavailable
from minirag.types import PointSelector, Stage
from sources.models import Chunk, Document, Source
from sources.services import forget_files, forget_folder

# Documents whose rows go in one transaction.
_BATCH = 50


def remove_leftovers(run: JobRun, shelf: Shelf, source_id: UUID) -> None:
    """Points that an earlier attempt left, and tombstones that this one made."""
    marked = Document.objects.filter(source_id=source_id, stale_points=True)
    ids = list(marked.values_list("pk", flat=True))
    for at in range(0, len(ids), _BATCH):
        batch = ids[at : at + _BATCH]
        sweep_points(run, shelf, batch, stored_points(run, shelf, batch), live_points(batch))
        gone = Document.objects.filter(pk__in=batch, deleted_at__isnull=False)
        delete_rows(run, list(gone.values_list("pk", flat=True)))


def tidy(run: JobRun) -> None:
    """What a run that ends early wrote and no row names. Needs the job in hand."""
    shelf = known_shelf(run.job.tenant_id)
    if shelf is not None and run.job.source_id is not None and run.written():
        remove_leftovers(run, shelf, run.job.source_id)


def delete_source(run: JobRun) -> Outcome:
    """Run one deletion job: of a source, or of one document. Repeating it is harmless."""
    job = run.job
    progress = Progress(run)
    progress.at(Stage.SWEEP)
    delete_points_of(run, _selector(job))
    doomed = Document.objects.filter(_rows(job)).order_by("pk")
    while ids := list(doomed.values_list("pk", flat=True)[:_BATCH]):
        delete_rows(run, ids)
    if job.document_id is None:
        with transaction.atomic():
            run.fence()
            Source.objects.filter(pk=job.source_id, deleted_at__isnull=False).delete()
            assert job.source_id is not None
            forget_folder(job.tenant_id, job.source_id)
    return Outcome(JobState.SUCCEEDED)


def _selector(job: IngestJob) -> PointSelector:
    if job.document_id is not None:
        entries = Document.objects.filter(container_id=job.document_id)
        return PointSelector(document_ids=[job.document_id, *entries.values_list("pk", flat=True)])
    assert job.source_id is not None
    return PointSelector(source_ids=[job.source_id])


def _rows(job: IngestJob) -> Q:
    if job.document_id is not None:  # with the entries of an archive
        ids = Q(pk=job.document_id) | Q(container_id=job.document_id)
        return ids & Q(deleted_at__isnull=False)
    return Q(source_id=job.source_id, source__deleted_at__isnull=False)


def delete_points_of(run: JobRun, selector: PointSelector) -> None:
    """The tenant's points that ``selector`` names, gone and counted, from every index it has: the
    live one, one that is being built, one that is kept.

    Raises ``RetrievalUnavailable`` where the store does not answer, or still holds some.
    """
    for shelf in shelves(run.job.tenant_id):
        run.call(partial(shelf.store.delete, shelf.space, shelf.tenant_id, selector))
        if run.call(partial(shelf.store.count, shelf.space, shelf.tenant_id, selector)):
            raise RetrievalUnavailable("The index did not delete all of the vectors.")


def delete_rows(run: JobRun, document_ids: Collection[UUID]) -> None:
    """As ``erase_rows``, with the job in hand."""
    if not document_ids:
        return
    with transaction.atomic():
        run.fence()
        erase_rows(document_ids)


def erase_rows(document_ids: Collection[UUID]) -> None:
    """Documents with their chunks and files, in the caller's transaction."""
    documents = Document.objects.filter(pk__in=document_ids)
    forget_files(list(documents.defer("text")))
    Chunk.objects.filter(document_id__in=document_ids).delete()
    documents.delete()
