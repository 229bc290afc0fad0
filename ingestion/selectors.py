"""Reads of jobs. The tenant's scope must be open."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Max, QuerySet

from ingestion.clock import database_now
from ingestion.models import (
    ACTIVE_STATES,
    BuildState,
    IndexBuild,
    IngestJob,
    JobKind,
    JobState,
    TenantTurn,
)
from minirag.errors import NotFound
from tenants.context import AuthContext
from tenants.models import Tenant

# A due job that nobody took within so many seconds is worth a word about the workers.
_PATIENCE = 10.0


def list_jobs(
    auth: AuthContext, *, source_id: UUID | None = None, state: str | None = None
) -> QuerySet[IngestJob]:
    """Newest first; checks of the index are the operator's affair and left out."""
    rows: QuerySet[IngestJob] = IngestJob.objects.filter(tenant_id=auth.tenant_id).exclude(
        kind=JobKind.CHECK
    )
    if source_id is not None:
        rows = rows.filter(source_id=source_id)
    return rows.filter(state=state) if state else rows


def access_job(auth: AuthContext, job_id: UUID) -> IngestJob:
    """Raises ``NotFound`` alike for foreign and missing ones."""
    job = list_jobs(auth).filter(pk=job_id).first()
    if job is None:
        raise NotFound
    return job


class QueueView:
    """The tenant's queue at one moment, read once for any number of jobs."""

    def __init__(self, tenant_id: UUID) -> None:
        self.now = database_now()
        open_jobs = IngestJob.objects.filter(tenant_id=tenant_id)
        queued = open_jobs.filter(state=JobState.QUEUED).order_by("created_at", "id")
        self.place = {pk: at for at, pk in enumerate(queued.values_list("pk", flat=True))}
        running = open_jobs.filter(state=JobState.RUNNING)
        self.busy = set(running.values_list("source_id", flat=True))
        self.switching = IndexBuild.objects.filter(
            tenant_id=tenant_id, state=BuildState.SWITCHING
        ).exists()
        turn = TenantTurn.objects.filter(pk=tenant_id).aggregate(at=Max("served_at"))
        self.served: datetime | None = turn["at"]
        self.suspended = Tenant.objects.filter(pk=tenant_id, suspended_at__isnull=False).exists()

    def waiting_for(self, job: IngestJob) -> str | None:
        """What ``job`` waits for, in plain words; None for one that ended or is getting on."""
        if job.state not in ACTIVE_STATES:
            return None
        return self._words(job) or None

    def _words(self, job: IngestJob) -> str:
        if job.state == JobState.RUNNING:
            return self._of_running(job)
        if self.suspended:
            return "The tenant is suspended."
        if job.not_before is not None and job.not_before > self.now:
            left = (job.not_before - self.now).total_seconds()
            return f"{job.waiting_for} Next try in {max(1, round(left))} s.".strip()
        if self.switching and job.kind != JobKind.DELETE:
            return "The tenant's index is just being exchanged."
        if job.source_id is not None and job.source_id in self.busy:
            return "Another job of this source is running."
        return self._of_queue(job)

    def _of_running(self, job: IngestJob) -> str:
        if job.lease_until is None or job.cancel_requested:
            return "It is being cancelled." if job.cancel_requested else ""
        left = (job.lease_until - self.now).total_seconds()
        if left <= 0:
            return "Its worker died; another one takes over within seconds."
        # A living worker renews its lease four times in its length.
        silent = settings.MINIRAG_JOB_LEASE_SECONDS - left
        if silent > settings.MINIRAG_JOB_LEASE_SECONDS / 2:
            return (
                f"Its worker gave no sign of life for {round(silent)} s; "
                f"another one takes over in {max(1, round(left))} s."
            )
        return ""

    def _of_queue(self, job: IngestJob) -> str:
        ahead = self.place.get(job.pk, 0)
        last = max(job.created_at, self.served or job.created_at)
        idle = (self.now - last).total_seconds()
        if idle > _PATIENCE and not self.busy:
            return f"No worker has taken work of this tenant for {round(idle)} s."
        if ahead:
            jobs = "1 job of this tenant is" if ahead == 1 else f"{ahead} jobs of this tenant are"
            return f"{jobs} ahead."
        return "A worker takes it next."
