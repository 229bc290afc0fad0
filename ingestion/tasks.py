"""Celery's side: it wakes a worker, which then looks for itself what is due."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from ingestion.claims import claim, due_jobs, requeue_expired
from ingestion.clock import database_now
from ingestion.execution import execute
from ingestion.housekeeping import keep_house
from ingestion.leases import going_down
from ingestion.refreshing import due_refreshes, queue_refreshes
from minirag.memory import give_back
from tenants.scope import platform_scope, tenant_scope
from usage.ledger import release_abandoned

log = logging.getLogger(__name__)

# A task ends after this, well before Celery's own limits; the sweeper wakes the next one.
WORK_SECONDS = 1_000.0
# Reservations of calls that nobody closed within this died with their process.
_ABANDONED = timedelta(hours=1)


def worker_name() -> str:
    """Which thread of which machine works."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


def work_once() -> bool:
    """Claim one due job and run it to its end. False when nothing is due, or the process ends."""
    if going_down.is_set():
        return False
    with platform_scope("claim the next job, whichever tenant's turn it is"):
        job = claim(worker_name())
    if job is None:
        return False
    with tenant_scope(job.tenant_id):
        execute(job)
    give_back()
    return True


@shared_task(name="ingestion.work")  # type: ignore[untyped-decorator]
def work() -> None:
    """Run due jobs until there are none. Delivered twice, or for nothing, it does no harm."""
    ends = time.monotonic() + WORK_SECONDS
    while time.monotonic() < ends and work_once():
        pass


@shared_task(name="ingestion.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Take over what died, queue what shall be read again, and wake workers for what is due."""
    sweep_once()
    refresh_once()
    wake(due_count())


@shared_task(name="ingestion.keep_house")  # type: ignore[untyped-decorator]
def tidy_up() -> None:
    """About once an hour: stored files, idempotency records and points that nobody needs."""
    keep_house()


def sweep_once() -> int:
    """Requeue jobs whose worker died. Returns how many."""
    with platform_scope("take over jobs and calls whose worker died"):
        release_abandoned(_ABANDONED)
        return requeue_expired()


def refresh_once() -> int:
    """Queue sources whose time for another look has come. Returns how many."""
    with platform_scope("sources of any tenant that shall be read again"):
        due = due_refreshes()
    return queue_refreshes(due)


def due_count() -> int:
    """Jobs that could run now, at most as many as there are threads."""
    with platform_scope("count the jobs that are due"):
        return int(due_jobs(database_now())[: settings.MINIRAG_WORKER_THREADS].count())


def wake(workers: int = 1) -> None:
    """Tell workers that there is work. Best effort: the sweeper finds what stayed unsaid."""
    for _ in range(workers):
        try:
            work.apply_async(retry=False, expires=60)
        except (OperationalError, OSError) as error:
            log.warning("no worker could be woken: %s", type(error).__name__)
            return
