"""How fast work goes, from what was measured; None where nothing was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet

from ingestion.models import IngestJob, JobKind, JobState
from sources.models import Document

# Seconds of a run before its rate is worth a word.
_LEAST_SECONDS = 2.0
# Ended jobs that say how long one takes, and how many of them it needs at least.
_LOOKED_AT = 50
_LEAST_JOBS = 3


def embedding_rate(tenant_id: UUID) -> float | None:
    """Chunks embedded per second, over the tenant's latest ingests that embedded any."""
    ended = _ended(tenant_id).filter(embedded__gt=0)
    jobs = list(ended[:5])
    chunks = sum(job.embedded for job in jobs)
    seconds = sum(_seconds(job) for job in jobs)
    return chunks / seconds if seconds > 0 else None


def _ended(tenant_id: UUID) -> QuerySet[IngestJob]:
    rows: QuerySet[IngestJob] = IngestJob.objects.filter(
        tenant_id=tenant_id,
        kind=JobKind.INGEST,
        state=JobState.SUCCEEDED,
        run_started_at__isnull=False,
        finished_at__isnull=False,
    )
    return rows.order_by("-created_at")


def _seconds(job: IngestJob) -> float:
    """How long the last run of an ended job took."""
    assert job.run_started_at is not None and job.finished_at is not None
    return (job.finished_at - job.run_started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Durations:
    """How long ingests of a tenant took of late, in seconds."""

    by_source: Mapping[UUID, float] = field(default_factory=dict)
    typical: float | None = None

    @classmethod
    def of(cls, tenant_id: UUID) -> Durations:
        """One query."""
        jobs = list(_ended(tenant_id)[:_LOOKED_AT])
        took = [_seconds(job) for job in jobs]
        # The latest of a source comes first in the list, and so has the last word.
        of_sources = {job.source_id: _seconds(job) for job in reversed(jobs) if job.source_id}
        return cls(of_sources, median(took) if len(took) >= _LEAST_JOBS else None)

    def expected(self, source_id: UUID | None) -> float | None:
        """As long as the source took last, else as long as a job of the tenant takes."""
        known = self.by_source.get(source_id) if source_id is not None else None
        return self.typical if known is None else known


def documents_of(source_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """Documents that the sources hold. One query."""
    rows = Document.objects.filter(source_id__in=source_ids, deleted_at__isnull=True).order_by()
    return dict(rows.values_list("source_id").annotate(Count("pk")))


def seconds_left(job: IngestJob, now: datetime, documents: int) -> float | None:
    """What a running job still needs at its present rate; ``documents`` are those of its source.

    Its total is known for the documents read so far only; the others are taken to be like them.
    """
    if job.pace_at is None or not job.total:
        return None
    # Up to when its figures were written: measured up to now, the rate would fall until the next
    # batch is in, and the end move away while the work goes on as before.
    written = min(now, _last_sign(job) or now)
    seconds = (written - job.pace_at).total_seconds()
    done = job.done - job.pace_done
    if seconds < _LEAST_SECONDS or done <= 0:
        return None
    total = float(job.total)
    if 0 < job.documents_read < documents:
        total *= documents / job.documents_read
    left = (total - job.done) * seconds / done - (now - written).total_seconds()
    return max(0.0, left)


def _last_sign(job: IngestJob) -> datetime | None:
    """When the job's worker last wrote how far it is: each time it renews its lease."""
    if job.lease_until is None:
        return None
    return job.lease_until - timedelta(seconds=settings.MINIRAG_JOB_LEASE_SECONDS)
