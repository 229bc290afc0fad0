"""What a job waits for and when it will be done: one look at the queue for any number of jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Max

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
from ingestion.selectors.pace import Durations, documents_of, seconds_left
from minirag.types import Stage
from tenants.models import Tenant
from tenants.scope import platform_scope

# A due job that nobody took within so many seconds is worth a word about the workers.
_PATIENCE = 10.0
# Queued jobs that are looked at; what is behind them is far behind.
_FARTHEST = 1000


class QueueView:
    """The tenant's queue at one moment. The number of queries does not depend on the jobs asked."""

    def __init__(self, tenant_id: UUID) -> None:
        self.now = database_now()
        jobs = IngestJob.objects.filter(tenant_id=tenant_id)
        self.running = {job.pk: job for job in jobs.filter(state=JobState.RUNNING)}
        self.busy = {job.source_id for job in self.running.values() if job.source_id}
        queued = jobs.filter(state=JobState.QUEUED).order_by("created_at", "id")
        rows = queued.values_list("pk", "kind", "source_id", "not_before")[: _FARTHEST + 1]
        due = [
            (kind != JobKind.DELETE, pk)
            for pk, kind, source_id, later in rows
            if source_id not in self.busy and (later is None or later <= self.now)
        ]
        self.is_long = len(rows) > _FARTHEST
        # As the worker takes them: deletions first, then the oldest.
        self.place = {pk: at for at, (_, pk) in enumerate(sorted(due, key=lambda one: one[0]))}
        turn = TenantTurn.objects.filter(pk=tenant_id).aggregate(at=Max("served_at"))
        self.served: datetime | None = turn["at"]
        switching = IndexBuild.objects.filter(tenant_id=tenant_id, state=BuildState.SWITCHING)
        self.switching = switching.exists()
        self.suspended = Tenant.objects.filter(pk=tenant_id, suspended_at__isnull=False).exists()
        self._look_around()
        sources = [job.source_id for job in self.running.values() if job.source_id]
        self.documents = documents_of(sources)
        self.durations = Durations.of(tenant_id)

    def _look_around(self) -> None:
        """Whether the workers do anything at all; whose work it is stays out of sight."""
        with platform_scope("whether any worker takes work, whosever it is"):
            self.elsewhere = IngestJob.objects.filter(state=JobState.RUNNING).exists()
            latest = TenantTurn.objects.aggregate(at=Max("served_at"))["at"]
        self.latest: datetime | None = latest

    # --- in words --------------------------------------------------------------------------------

    def waiting_for(self, job: IngestJob) -> str | None:
        """What ``job`` waits for, in plain words; None for one that ended or is getting on."""
        if job.state not in ACTIVE_STATES:
            return None
        return (
            self._of_running(job) if job.state == JobState.RUNNING else self._of_queued(job)
        ) or None

    def _of_running(self, job: IngestJob) -> str:
        if job.lease_until is None or job.cancel_requested:
            return "It is being cancelled." if job.cancel_requested else ""
        left = (job.lease_until - self.now).total_seconds()
        if left <= 0:
            return "Its worker died; another one takes over within seconds."
        if self._is_silent(left):
            silent = settings.MINIRAG_JOB_LEASE_SECONDS - left
            return (
                f"Its worker gave no sign of life for {round(silent)} s; "
                f"another one takes over in {max(1, round(left))} s."
            )
        if job.kind == JobKind.INGEST and job.stage == Stage.LOAD and not job.documents_read:
            return "It is reading its source; nothing has arrived yet."
        return ""

    @staticmethod
    def _is_silent(left: float) -> bool:
        """A living worker renews its lease four times in its length."""
        return bool(left < settings.MINIRAG_JOB_LEASE_SECONDS / 2)

    def _of_queued(self, job: IngestJob) -> str:
        if self.suspended and job.kind != JobKind.DELETE:
            return "The tenant is suspended."
        if job.not_before is not None and job.not_before > self.now:
            left = (job.not_before - self.now).total_seconds()
            return f"{job.waiting_for} Next try in {max(1, round(left))} s.".strip()
        if self.switching and job.kind != JobKind.DELETE:
            return "The tenant's index is just being exchanged."
        if job.source_id in self.busy:
            return "Another job of this source is running."
        idle = self._idle(job)
        if idle is not None:
            return f"No worker has taken work for {round(idle)} s."
        return self._of_turns(job)

    def _ahead(self, job: IngestJob) -> int:
        """Jobs that are taken before it; of those far behind, at least so many."""
        return self.place.get(job.pk, len(self.place) if self.is_long else 0)

    @staticmethod
    def _waits_since(job: IngestJob) -> datetime:
        """A job that was paused or retried waits for a worker only from then on."""
        return max(job.created_at, job.not_before or job.created_at)

    def _idle(self, job: IngestJob) -> float | None:
        """Seconds for which nobody has worked, where that is long."""
        if self.elsewhere:
            return None
        since = self._waits_since(job)
        last = max(since, self.latest or since)
        seconds = (self.now - last).total_seconds()
        return seconds if seconds > _PATIENCE else None

    def _of_turns(self, job: IngestJob) -> str:
        ahead = self._ahead(job)
        many = f"more than {ahead}" if job.pk not in self.place and ahead else str(ahead)
        jobs = "1 job of this tenant is" if ahead == 1 else f"{many} jobs of this tenant are"
        if len(self.running) >= settings.MINIRAG_JOBS_PER_TENANT:
            cap = (
                f"This tenant runs {len(self.running)} of its jobs now, as many as it may at a time"
            )
            return f"{cap}; {jobs} ahead." if ahead else f"{cap}."
        if ahead:
            return f"{jobs[0].upper()}{jobs[1:]} ahead."
        since = self._waits_since(job)
        waited = (self.now - max(since, self.served or since)).total_seconds()
        if waited > _PATIENCE and not self.running:
            return "The workers are busy with other tenants; this one's turn comes next."
        return "A worker takes it next."

    # --- in time ---------------------------------------------------------------------------------

    def expected_finish_at(self, job: IngestJob) -> datetime | None:
        """When ``job`` will be done, from what was measured; None where nothing tells."""
        if job.state == JobState.RUNNING:
            seconds = self._rest(job)
        elif job.state == JobState.QUEUED:
            seconds = self._until_done(job)
        else:
            return None
        return None if seconds is None else self.now + timedelta(seconds=seconds)

    def _rest(self, job: IngestJob) -> float | None:
        if job.cancel_requested or job.lease_until is None:
            return None
        if self._is_silent((job.lease_until - self.now).total_seconds()):
            return None
        if not job.total:  # nothing has been counted yet: as long as the last time
            return self._left_of_last(job)
        held = self.documents.get(job.source_id, 0) if job.source_id else 0
        return seconds_left(job, self.now, held)

    def _left_of_last(self, job: IngestJob) -> float | None:
        known = self.durations.by_source.get(job.source_id) if job.source_id else None
        if known is None or job.run_started_at is None or job.kind != JobKind.INGEST:
            return None
        left = known - (self.now - job.run_started_at).total_seconds()
        return left if left > 0 else None

    def _until_done(self, job: IngestJob) -> float | None:
        own = self.durations.expected(job.source_id)
        stuck = self.suspended or self._idle(job) is not None
        if own is None or job.kind == JobKind.DELETE or stuck:
            return None
        if self.is_long and job.pk not in self.place:
            return None
        if job.not_before is not None and job.not_before > self.now:
            return own + (job.not_before - self.now).total_seconds()
        return own + self._until_begun(job, own)

    def _until_begun(self, job: IngestJob, own: float) -> float:
        """What runs, and what is ahead, over as many at a time as the tenant may have."""
        each = self.durations.typical or own
        rests = [self._rest(one) for one in self.running.values()]
        if job.source_id in self.busy:
            same = [
                self._rest(one) for one in self.running.values() if one.source_id == job.source_id
            ]
            return sum(each if rest is None else rest for rest in same)
        if len(rests) < settings.MINIRAG_JOBS_PER_TENANT and not self._ahead(job):
            return 0.0
        work = sum(each if rest is None else rest for rest in rests)
        work += each * self._ahead(job)
        return work / max(1, int(settings.MINIRAG_JOBS_PER_TENANT))
