"""What a job's end means for its source and documents. Call it in the job's own transaction."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet

from ingestion.clock import database_now
from ingestion.models import (
    ACTIVE_STATES,
    BUILD_STATES,
    BuildState,
    IndexBuild,
    IngestJob,
    JobKind,
    JobState,
)
from minirag.errors import Conflict, ErrorCode, ErrorField
from sources.models import Document, DocumentStatus, Source, SourceStatus

SUPERSEDED: ErrorField = {
    "code": ErrorCode.CONFLICT,
    "message": "A later request for the same source took this one's place.",
}


def kept_for_retry() -> QuerySet[IngestJob]:
    """Jobs that broke off so lately that a retry may want what they had embedded."""
    since = database_now() - timedelta(seconds=settings.MINIRAG_JOB_KEEP_SECONDS)
    rows: QuerySet[IngestJob] = IngestJob.objects.filter(
        state__in=(JobState.FAILED, JobState.CANCELLED), finished_at__gt=since
    )
    return rows.exclude(kind=JobKind.DELETE)


def superseded(job: IngestJob) -> bool:
    """Whether a later job of the same kind waits on the source: there is one such at most."""
    if job.document_id is not None:
        return False
    waiting = IngestJob.objects.filter(
        tenant_id=job.tenant_id,
        source_id=job.source_id,
        kind=job.kind,
        document_id__isnull=True,
        state=JobState.QUEUED,
    )
    return waiting.exclude(pk=job.pk).exists()


def settle_build(job: IngestJob, state: JobState | str, error: ErrorField | None) -> None:
    """Bring the index that ``job`` builds in line with it: no build without a job that does it."""
    builds = IndexBuild.objects.filter(job_id=job.pk, state__in=BUILD_STATES)
    if state == JobState.QUEUED:
        builds.update(state=BuildState.BUILDING)
    elif state in (JobState.FAILED, JobState.CANCELLED):
        failed = state == JobState.FAILED
        _exchange_credentials(builds)
        builds.filter(was_live=True).update(state=BuildState.KEPT, error=error)
        # A failed one can be tried again for a while; a cancelled one is swept next.
        later = timedelta(hours=settings.MINIRAG_INDEX_KEEP_HOURS if failed else 0)
        builds.update(
            state=BuildState.FAILED if failed else BuildState.CANCELLED,
            error=error,
            kept_until=database_now() + later,
        )


def _exchange_credentials(builds: QuerySet[IndexBuild]) -> None:
    """An index that has answered gets back what it was reached with; what was tried is put aside.

    Or the other way about, before the same is tried again.
    """
    kept = builds.filter(was_live=True).exclude(set_aside="")
    kept.update(credentials=F("set_aside"), set_aside=F("credentials"))


def reopen_build(job: IngestJob) -> None:
    """Before ``job`` is tried again: its build goes on. Raises ``Conflict`` beside another one."""
    if job.kind != JobKind.REINDEX or job.source_id is not None:
        return
    build = IndexBuild.objects.filter(job_id=job.pk).exclude(state=BuildState.SWEPT).first()
    if build is None or build.state == BuildState.LIVE:
        raise Conflict("There is nothing left to go on with.")
    others = IndexBuild.objects.filter(tenant_id=job.tenant_id, state__in=BUILD_STATES)
    if others.exclude(pk=build.pk).exists():
        raise Conflict("Another index is being built.")
    ended = IndexBuild.objects.filter(pk=build.pk)
    _exchange_credentials(ended.exclude(state__in=BUILD_STATES))
    ended.update(state=BuildState.BUILDING, error=None)


def settle_source(
    source_id: UUID | None, kind: str, state: JobState | str, error: ErrorField | None
) -> None:
    """Bring a source and its documents in line with a job that ended or went back to the queue."""
    if source_id is None or kind == JobKind.DELETE:
        return
    if state not in ACTIVE_STATES:
        _settle_documents(source_id, state, error)
    changes: dict[str, object] = {"status": _status(source_id, state), "updated_at": database_now()}
    if state in (JobState.SUCCEEDED, JobState.PARTIAL):
        changes["last_ingested_at"] = database_now()
    if state in (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED):
        changes["error"] = error
    Source.objects.filter(pk=source_id).update(**changes)


def _settle_documents(source_id: UUID, state: JobState | str, error: ErrorField | None) -> None:
    """No document stays under way when nothing is on the way."""
    under_way = Document.objects.filter(source_id=source_id, status=DocumentStatus.PROCESSING)
    if state == JobState.FAILED:
        under_way.update(status=DocumentStatus.FAILED, error=error)
        return
    under_way.filter(generation__gt=0).update(status=DocumentStatus.READY)
    under_way.filter(generation=0).update(status=DocumentStatus.PENDING)


def _status(source_id: UUID, state: JobState | str) -> SourceStatus:
    if state == JobState.RUNNING:
        return SourceStatus.PROCESSING
    queued = IngestJob.objects.filter(source_id=source_id, state=JobState.QUEUED)
    if state == JobState.QUEUED or queued.exclude(kind=JobKind.DELETE).exists():
        return SourceStatus.QUEUED
    live = Document.objects.filter(source_id=source_id, deleted_at__isnull=True)
    readable = live.filter(generation__gt=0).exists()
    if state == JobState.FAILED:
        return SourceStatus.PARTIAL if readable else SourceStatus.FAILED
    if state == JobState.PARTIAL:
        return SourceStatus.PARTIAL
    if state == JobState.SUCCEEDED:
        return SourceStatus.READY
    # Cancelled: what stood before stands.
    if not readable:
        return SourceStatus.PENDING
    broken = live.exclude(status=DocumentStatus.READY).exists()
    return SourceStatus.PARTIAL if broken else SourceStatus.READY
