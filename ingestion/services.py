"""Writes of jobs, in the tenant's open scope. A row is committed before anyone is woken."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Model

from ingestion import tasks
from ingestion.clock import database_now
from ingestion.endings import reopen_build, settle_build, settle_source
from ingestion.models import (
    ACTIVE_STATES,
    NOTHING_DONE,
    IngestJob,
    JobKind,
    JobState,
    TenantTurn,
)
from minirag.errors import Conflict
from sources.models import Document, DocumentStatus, Source
from sources.services import retire_document, retire_source
from tenants import audit
from tenants.context import AuthContext
from tenants.locking import lock_row
from tenants.models import Tenant
from tenants.services.tenancy import retire_tenant


def schedule_ingest(auth: AuthContext, source: Source) -> IngestJob:
    """Queue an ingest of ``source``; a request while one is queued joins it.

    Raises ``Conflict`` for a source that was deleted meanwhile.
    """
    return _schedule(auth, source, JobKind.INGEST, "source.ingest")


def schedule_reindex(auth: AuthContext, source: Source) -> IngestJob:
    """Queue making all vectors of ``source`` anew; as ``schedule_ingest``."""
    return _schedule(auth, source, JobKind.REINDEX, "source.reindex")


@transaction.atomic
def _schedule(auth: AuthContext, source: Source, kind: JobKind, action: str) -> IngestJob:
    row = Source.objects.select_for_update().filter(pk=source.pk, deleted_at__isnull=True).first()
    if row is None:
        raise Conflict("The source was deleted meanwhile.")
    job = queue_job(auth, kind, source_id=source.pk)
    if not _running(source.pk):
        settle_source(source.pk, kind, JobState.QUEUED, None)
    _record(auth, action, source, job)
    return job


@transaction.atomic
def schedule_delete(auth: AuthContext, source: Source) -> IngestJob:
    """Make ``source`` a tombstone and queue the deletion of all that hangs on it.

    Work on it that is queued ends now, work that runs within seconds.
    """
    retire_source(auth, source)
    unwanted = IngestJob.objects.filter(source_id=source.pk, state__in=ACTIVE_STATES)
    for job in unwanted.exclude(kind=JobKind.DELETE):
        stop_job(job)
    return queue_job(auth, JobKind.DELETE, source_id=source.pk)


@transaction.atomic
def schedule_document_delete(auth: AuthContext, document: Document) -> IngestJob:
    """Make ``document`` a tombstone and queue the deletion of its points, files and rows."""
    retire_document(auth, document)
    waiting = IngestJob.objects.filter(
        document_id=document.pk, kind=JobKind.DELETE, state__in=ACTIVE_STATES
    ).first()
    if waiting is not None:
        found: IngestJob = waiting
        return found
    return queue_job(auth, JobKind.DELETE, source_id=document.source_id, document_id=document.pk)


@transaction.atomic
def schedule_tenant_delete(auth: AuthContext, tenant: Tenant) -> IngestJob:
    """Make ``tenant`` a tombstone and queue the deletion of all that it holds, for good.

    From the commit on its every credential is refused. Usage and audit events are kept.
    """
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    retire_tenant(auth, tenant)
    active = IngestJob.objects.filter(state__in=ACTIVE_STATES)
    deletion = active.filter(kind=JobKind.DELETE, source_id__isnull=True).first()
    for job in active.exclude(pk=deletion.pk if deletion is not None else None):
        stop_job(job)
    if deletion is not None:
        _announce(auth.tenant_id)
        found: IngestJob = deletion
        return found
    return queue_job(auth, JobKind.DELETE, source_id=None)


@transaction.atomic
def cancel_job(auth: AuthContext, job: IngestJob) -> IngestJob:
    """End a job: at once while it is queued, within seconds while it runs.

    Raises ``Conflict`` for one that has ended, and for a deletion, which cannot be taken back.
    """
    row: IngestJob = lock_row(IngestJob.objects.filter(pk=job.pk), no_key=False)
    if row.kind == JobKind.DELETE:
        raise Conflict("A deletion cannot be cancelled.")
    if row.state not in ACTIVE_STATES:
        raise Conflict(f"The job has ended: it is {row.state}.")
    stop_job(row)
    audit.record(auth, "ingest_job.cancel", row)
    found: IngestJob = IngestJob.objects.get(pk=job.pk)
    return found


@transaction.atomic
def retry_job(auth: AuthContext, job: IngestJob) -> IngestJob:
    """Queue an ended job again; what it had embedded before is not embedded twice.

    Returns the job that does the work: another one, if one of its kind is queued already. Raises
    ``Conflict`` for a job that has not ended or had no fault, and where the source is gone.
    """
    row: IngestJob = lock_row(IngestJob.objects.filter(pk=job.pk), no_key=False)
    if row.state in (*ACTIVE_STATES, JobState.SUCCEEDED):
        raise Conflict(f"There is nothing to retry: the job is {row.state}.")
    live = Source.objects.filter(pk=row.source_id, deleted_at__isnull=True).exists()
    if not live and row.kind != JobKind.DELETE and row.source_id is not None:
        raise Conflict("The source was deleted meanwhile.")
    waiting = _queued(row.kind, row.source_id, row.document_id)
    if waiting is None:
        reopen_build(row)
        # What it could not read is read again: somebody may have mended what was wrong.
        Document.objects.filter(flipped_by=row.pk, status=DocumentStatus.FAILED).update(
            flipped_by=None
        )
        IngestJob.objects.filter(pk=row.pk).update(
            state=JobState.QUEUED,
            error=None,
            attempts=0,
            crashes=0,
            suspects={},
            cancel_requested=False,
            not_before=database_now(),
            run_started_at=None,
            started_at=None,
            finished_at=None,
            waiting_for="",
            **NOTHING_DONE,
        )
        waiting = IngestJob.objects.get(pk=row.pk)
    if row.source_id is not None and not _running(row.source_id):
        settle_source(row.source_id, row.kind, JobState.QUEUED, None)
    audit.record(auth, "ingest_job.retry", row)
    _announce(auth.tenant_id)
    return waiting


def stop_job(job: IngestJob) -> None:
    """In a transaction: end a queued job, or ask the worker of a running one to stop."""
    queued = IngestJob.objects.filter(pk=job.pk, state=JobState.QUEUED)
    if queued.update(state=JobState.CANCELLED, finished_at=database_now(), waiting_for=""):
        if job.source_id is not None and not _running(job.source_id):
            settle_source(job.source_id, job.kind, JobState.CANCELLED, None)
        settle_build(job, JobState.CANCELLED, None)
        return
    IngestJob.objects.filter(pk=job.pk, state=JobState.RUNNING).update(cancel_requested=True)


def queue_job(
    auth: AuthContext,
    kind: JobKind,
    *,
    source_id: UUID | None,
    document_id: UUID | None = None,
) -> IngestJob:
    """In a transaction: the queued job of this kind, the one that waits already or a new one.

    Without a source it works on the tenant's whole index.
    """
    job = _queued(kind, source_id, document_id)
    if job is None:
        job = _insert(auth, kind, source_id, document_id)
    _announce(auth.tenant_id)
    return job


def _insert(
    auth: AuthContext, kind: JobKind, source_id: UUID | None, document_id: UUID | None
) -> IngestJob:
    try:
        with transaction.atomic():
            job: IngestJob = IngestJob.objects.create(
                tenant_id=auth.tenant_id, kind=kind, source_id=source_id, document_id=document_id
            )
            return job
    except IntegrityError:
        # Another request was a moment faster: the same work waits already.
        waiting = _queued(kind, source_id, document_id)
        if waiting is None:
            raise
        return waiting


def _queued(kind: str, source_id: UUID | None, document_id: UUID | None) -> IngestJob | None:
    rows = IngestJob.objects.filter(
        kind=kind, source_id=source_id, document_id=document_id, state=JobState.QUEUED
    )
    found: IngestJob | None = rows.first()
    return found


def _running(source_id: UUID) -> bool:
    return bool(IngestJob.objects.filter(source_id=source_id, state=JobState.RUNNING).exists())


def _announce(tenant_id: UUID) -> None:
    """Give the tenant a turn and wake a worker, once the row is committed."""
    TenantTurn.objects.get_or_create(tenant_id=tenant_id, defaults={"served_at": database_now()})
    transaction.on_commit(tasks.wake, robust=True)


def _record(auth: AuthContext, action: str, obj: Model, job: IngestJob) -> None:
    audit.record(auth, action, obj, detail={"job": str(job.pk)})
