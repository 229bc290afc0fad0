"""How many jobs there are, over all tenants: for those who watch the machine."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.clock import database_now
from ingestion.models import IngestJob, JobState
from tenants.scope import platform_scope

# No count costs more than this, however long the history is.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Jobs by state, each counted up to 10,000, and the age of the oldest queued one."""

    by_state: dict[str, int]
    oldest_queued_seconds: float


def job_figures() -> JobFigures:
    """Of all tenants together; nothing else of them is seen."""
    with platform_scope("metrics count jobs, whosever they are"):
        jobs = IngestJob.objects.order_by()
        counts = {state.value: jobs.filter(state=state)[:_MOST].count() for state in JobState}
        queued = jobs.filter(state=JobState.QUEUED).order_by("created_at")
        oldest = queued.values_list("created_at", flat=True).first()
        age = (database_now() - oldest).total_seconds() if oldest else 0.0
    return JobFigures(counts, max(0.0, age))
