"""Watch jobs until they have ended: for commands, with rate and expected rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.utils import timezone

from ingestion.models import IngestJob, JobState
from ingestion.selectors import QueueView

_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Sight:
    """All watched jobs at one moment."""

    ended: int
    jobs: int
    done: int
    total: int
    words: str
    # Seconds until the last of them is done, where that is known of all.
    left: float | None = None

    def line(self, seconds: float) -> str:
        """One line for a terminal; ``seconds`` since the watching began."""
        rate = self.done / seconds if seconds > 0 else 0.0
        text = f"{self.ended}/{self.jobs} jobs, {self.done}/{self.total} chunks, {rate:.0f}/s"
        if self.left is not None and self.ended < self.jobs:
            text += f", about {self.left:.0f} s left"
        return f"{text}. {self.words}".strip()


def follow(job_ids: Collection[UUID], tell: Callable[[str], None]) -> list[IngestJob]:
    """Return the jobs when all have ended. Call in a scope that sees them."""
    begun = time.monotonic()
    last = ""
    while True:
        jobs = list(IngestJob.objects.filter(pk__in=list(job_ids)))
        seen = _sight(jobs)
        line = seen.line(time.monotonic() - begun)
        if line != last:
            tell(line)
            last = line
        if seen.ended == len(jobs):
            return jobs
        connection.close()
        time.sleep(_PAUSE)


def _sight(jobs: Collection[IngestJob]) -> Sight:
    still = [job for job in jobs if job.state in (JobState.QUEUED, JobState.RUNNING)]
    queued = next((job for job in still if job.state == JobState.QUEUED), None)
    running = any(job.state == JobState.RUNNING for job in still)
    views = {job.tenant_id: QueueView(job.tenant_id) for job in still}
    words = ""
    if queued is not None and not running:
        words = views[queued.tenant_id].waiting_for(queued) or ""
    finishes = [views[job.tenant_id].expected_finish_at(job) for job in still]
    known = [at for at in finishes if at is not None]
    left = (max(known) - timezone.now()).total_seconds() if known else None
    return Sight(
        ended=len(jobs) - len(still),
        jobs=len(jobs),
        done=sum(job.done for job in jobs),
        total=sum(job.total for job in jobs),
        words=words,
        left=max(0.0, left) if left is not None and len(known) == len(still) else None,
    )
