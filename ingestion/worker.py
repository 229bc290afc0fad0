"""Workers inside this process: beside the embedded server, or for a command that runs alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery.worker import WorkController
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from ingestion import tasks
from ingestion.claims import requeue_expired
from ingestion.leases import going_down
from minirag.celery import app
from tenants.scope import platform_scope

log = logging.getLogger(__name__)

# The longest a thread may take to end.
_STOP_SECONDS = 5.0
# A server that never lives for an hour keeps house nevertheless.
_FIRST_HOUSEKEEPING = 300.0


class EmbeddedWorker:
    """Celery's worker with a pool of threads on the in-memory broker, and the sweeper's thread."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._controller: WorkController | None = None

    def start(self) -> None:
        """Begin to work. What a predecessor left running is taken over at once."""
        going_down.clear()
        with platform_scope("an embedded server takes over from its predecessor"):
            requeue_expired(everything=True)
        self._controller = WorkController(
            app=app,
            pool_cls="threads",
            concurrency=settings.MINIRAG_WORKER_THREADS,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            loglevel="WARNING",
        )
        self._threads = [
            threading.Thread(target=self._controller.start, name="worker", daemon=True),
            threading.Thread(target=self._sweep, name="sweeper", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End within seconds; what is under way goes back to the queue."""
        self._stop.set()
        going_down.set()
        if self._controller is not None:
            self._controller.stop()
        for thread in self._threads:
            thread.join(timeout=_STOP_SECONDS)
        self._threads, self._controller = [], None

    def _sweep(self) -> None:
        period = settings.MINIRAG_HOUSEKEEPING_SECONDS
        due = time.monotonic() + min(period, _FIRST_HOUSEKEEPING)
        while not self._stop.is_set():
            _guarded(tasks.sweep)
            if time.monotonic() >= due:
                _guarded(tasks.tidy_up)
                due = time.monotonic() + period
            self._stop.wait(settings.MINIRAG_SWEEP_SECONDS)


def _guarded(step: Callable[[], object]) -> None:
    try:
        step()
    except (DatabaseError, InterfaceError):
        log.exception("a round of the worker failed; the next one tries again")
    finally:
        connections.close_all()


_embedded: EmbeddedWorker | None = None


def start() -> None:
    """Start this process's workers; see ``EmbeddedWorker.start``."""
    global _embedded
    if _embedded is None:
        _embedded = EmbeddedWorker()
        _embedded.start()


def stop() -> None:
    """Stop this process's workers, if any."""
    global _embedded
    worker, _embedded = _embedded, None
    if worker is not None:
        worker.stop()


@contextmanager
def drain_in_process(threads: int | None = None) -> Iterator[None]:
    """While the block lasts, this process works off due jobs in threads of its own.

    For commands without a server. What is under way at the end of the block is finished first.
    """
    going_down.clear()
    stop = threading.Event()
    count = threads or settings.MINIRAG_WORKER_THREADS
    workers = [threading.Thread(target=_drain, args=(stop,), daemon=True) for _ in range(count)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def _drain(stop: threading.Event) -> None:
    def step() -> None:
        tasks.sweep_once()
        if not tasks.work_once():
            stop.wait(0.2)

    while not stop.is_set():
        _guarded(step)
