"""Who works on what: fair claiming, and the sweeper that takes over what died.

The message that wakes a worker names no job. The worker takes the next due job of the tenant that
was served longest ago, under its cap. All of this is cross-tenant: call it in ``platform_scope``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from ingestion.clock import database_now
from ingestion.endings import SUPERSEDED, settle_build, settle_source, superseded
from ingestion.models import (
    NOTHING_DONE,
    BuildState,
    IndexBuild,
    IngestJob,
    JobKind,
    JobState,
    TenantTurn,
)
from ingestion.suspects import blamed, is_hopeless
from minirag.errors import ErrorCode, ErrorField
from usage import ledger

log = logging.getLogger(__name__)

CRASHED: ErrorField = {
    "code": ErrorCode.INTERNAL,
    "message": "The work on this job broke off several times. Retry it, or look at its source.",
}


def due_jobs(now: datetime) -> QuerySet[IngestJob]:
    """Queued jobs that may run now: their time has come and nothing runs on their source.

    Of a suspended tenant only deletions, which were promised, and looks at its index, which are
    harmless. While a tenant's index is switched, none of its jobs begins but deletions, which reach
    every index, and the switch itself.
    """
    busy = IngestJob.objects.filter(state=JobState.RUNNING, source_id=OuterRef("source_id"))
    ready = Q(not_before__isnull=True) | Q(not_before__lte=now)
    twin = IngestJob.objects.filter(
        state=JobState.RUNNING,
        tenant_id=OuterRef("tenant_id"),
        kind=OuterRef("kind"),
        source_id__isnull=True,
    )
    alone = Q(source_id__isnull=False) | ~Exists(twin)
    switching = IndexBuild.objects.filter(
        tenant_id=OuterRef("tenant_id"), state=BuildState.SWITCHING
    )
    goes_on = Q(kind=JobKind.DELETE) | Q(kind=JobKind.REINDEX, source_id__isnull=True)
    served = Q(tenant__suspended_at__isnull=True) | Q(kind__in=(JobKind.DELETE, JobKind.CHECK))
    rows: QuerySet[IngestJob] = IngestJob.objects.filter(
        ready, ~Exists(busy), alone, goes_on | ~Exists(switching), served, state=JobState.QUEUED
    )
    return rows


def claim(worker: str) -> IngestJob | None:
    """The next job, held by a fresh ``run_token`` and a lease; None when nothing is due."""
    for tenant_id in _tenants_in_turn():
        job = _claim_of(tenant_id, worker)
        if job is not None:
            return job
    return None


def others_wait(tenant_id: UUID) -> bool:
    """Whether another tenant than this one has due work."""
    return due_jobs(database_now()).exclude(tenant_id=tenant_id).exists()


def siblings_wait(job: IngestJob) -> bool:
    """Whether other jobs of the same tenant are due and its share of the workers is used up."""
    own = IngestJob.objects.filter(tenant_id=job.tenant_id, state=JobState.RUNNING).count()
    if own < settings.MINIRAG_JOBS_PER_TENANT:
        return False
    return due_jobs(database_now()).filter(tenant_id=job.tenant_id).exists()


def _tenants_in_turn() -> Sequence[UUID]:
    full = [tenant for tenant, running in _running() if running >= settings.MINIRAG_JOBS_PER_TENANT]
    due = due_jobs(database_now()).filter(tenant_id=OuterRef("tenant_id"))
    turns = TenantTurn.objects.filter(Exists(due)).exclude(tenant_id__in=full)
    return list(turns.order_by("served_at").values_list("tenant_id", flat=True)[:20])


def _running() -> Sequence[tuple[UUID, int]]:
    rows = IngestJob.objects.filter(state=JobState.RUNNING).order_by()
    return list(rows.values_list("tenant_id").annotate(running=Count("id")))


@transaction.atomic
def _claim_of(tenant_id: UUID, worker: str) -> IngestJob | None:
    """Claims of one tenant happen one after the other: whoever holds its turn decides.

    SQLite has no row locks and needs none: its transactions begin IMMEDIATE.
    """
    turn = TenantTurn.objects.select_for_update(skip_locked=True).filter(pk=tenant_id).first()
    if turn is None:
        return None
    running = IngestJob.objects.filter(tenant_id=tenant_id, state=JobState.RUNNING).count()
    if running >= settings.MINIRAG_JOBS_PER_TENANT:
        return None
    now = database_now()
    due = due_jobs(now).filter(tenant_id=tenant_id).order_by("created_at", "id")
    free = due.select_for_update(skip_locked=True, of=("self",))
    # Deletions first. Two questions, each in the order of an index: a queue may be long.
    job = free.filter(kind=JobKind.DELETE).first() or free.exclude(kind=JobKind.DELETE).first()
    if job is None:
        return None
    IngestJob.objects.filter(pk=job.pk).update(
        state=JobState.RUNNING,
        run_token=uuid4(),
        worker=worker[:100],
        lease_until=now + timedelta(seconds=settings.MINIRAG_JOB_LEASE_SECONDS),
        attempts=F("attempts") + 1,
        started_at=Coalesce(F("started_at"), Value(now)),
        run_started_at=now,
        pace_at=now,
        pace_done=0,
        waiting_for="",
        not_before=None,
        **NOTHING_DONE,
    )
    TenantTurn.objects.filter(pk=tenant_id).update(served_at=now)
    claimed: IngestJob = IngestJob.objects.get(pk=job.pk)
    return claimed


def requeue_expired(*, everything: bool = False) -> int:
    """Take jobs from workers that stopped giving signs of life. Returns how many.

    ``everything`` is for an embedded server's start: what was running died with its predecessor.
    """
    now = database_now()
    held = IngestJob.objects.filter(state=JobState.RUNNING)
    expired = held if everything else held.filter(lease_until__lt=now)
    return sum(_take_away(job, now, everything) for job in expired)


@transaction.atomic
def _take_away(job: IngestJob, now: datetime, everything: bool) -> int:
    held = IngestJob.objects.filter(pk=job.pk, state=JobState.RUNNING, run_token=job.run_token)
    if not everything:
        held = held.filter(lease_until__lt=now)
    suspects = blamed(job)
    state, error = _after_crash(job, suspects)
    ended = state != JobState.QUEUED
    taken = held.update(
        state=state,
        error=error,
        # Where documents are to blame, the job is not.
        crashes=F("crashes") + (0 if job.under_way else 1),
        under_way=[],
        suspects={} if ended else suspects,
        run_token=None,
        lease_until=None,
        not_before=None,
        finished_at=now if ended else None,
        waiting_for="" if ended else "The worker on it died; it goes on with the next one.",
    )
    if taken:
        ledger.close_job(job.pk)  # nobody is left who could report the provider's own numbers
        log.warning("job %s lost its worker %s and is %s", job.pk, job.worker, state)
        settle_source(job.source_id, job.kind, state, error)
        settle_build(job, state, error)
    return taken


def _after_crash(job: IngestJob, suspects: Mapping[str, int]) -> tuple[JobState, ErrorField | None]:
    if job.cancel_requested:
        return JobState.CANCELLED, None
    # A deletion was promised; it harms nobody by trying for ever.
    if job.kind != JobKind.DELETE and _given_up(job, suspects):
        return JobState.FAILED, CRASHED
    if superseded(job):
        return JobState.CANCELLED, SUPERSEDED
    return JobState.QUEUED, None


def _given_up(job: IngestJob, suspects: Mapping[str, int]) -> bool:
    if job.under_way:
        return is_hopeless(job, suspects)
    return bool(job.crashes + 1 >= settings.MINIRAG_JOB_CRASHES)
