"""A worker's hold on a job: heartbeat, fence, cancel, progress, and its one end.

Every write names the run token, so a worker that lost its job writes nothing. Blocking work (a
provider, a parser, a fetch) runs beside the holder, which is therefore always free to stop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import QuerySet

from ingestion.clock import database_now
from ingestion.endings import SUPERSEDED, settle_build, settle_source, superseded
from ingestion.models import IngestJob, JobState
from minirag.errors import ErrorField
from minirag.types import Stage

log = logging.getLogger(__name__)
S = TypeVar("S")
T = TypeVar("T")
# Seconds between two looks at the stop flags while a blocking call is under way.
_LOOK = 0.1
# Pieces of work that go on ahead of the one whose answer is looked at.
_AHEAD = 2


# Set while this process goes down: its jobs go back to the queue, for whoever comes next.
going_down = threading.Event()


class JobStopped(Exception):
    """The work ends here, at somebody else's word."""


class Cancelled(JobStopped):
    """Its owner asked for it."""


class LeaseLost(JobStopped):
    """Another worker has the job, or nobody: write nothing more."""


class TooLate(JobStopped):
    """The run has ended; what it still wanted to tidy up is left for the housekeeping."""


class TurnOver(JobStopped):
    """Others wait, or the process goes down: back to the queue, to go on later."""

    def __init__(
        self, why: str = "Other tenants go first for a moment.", seconds: float = 0
    ) -> None:
        super().__init__(why)
        self.why, self.seconds = why, seconds


class JobRun:
    """One worker holding one job. Use as a context manager inside the tenant's scope."""

    def __init__(self, job: IngestJob) -> None:
        self.job = job
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        self._closes = 0.0
        self._writes: list[Future[None]] = []
        # Whether this run has stored anything: then the next failure is no repeated one.
        self.advanced = False
        self._progress = (job.stage, job.done, job.total)
        self._written = self._progress
        self._renewed = time.monotonic()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._beat,), name=f"lease-{job.pk}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    # --- for the work ------------------------------------------------------------------------

    def check(self) -> None:
        """Raise ``Cancelled``, ``LeaseLost`` or ``TurnOver`` where the work must end."""
        if self._lost.is_set():
            raise LeaseLost
        if self._closes:
            if time.monotonic() > self._closes:
                raise TooLate
            return
        if self._cancelled.is_set():
            raise Cancelled
        if going_down.is_set():
            raise TurnOver

    def fence(self) -> None:
        """In a transaction: hold the job's row, so that nothing is written without it."""
        row = self._mine().select_for_update().values_list("cancel_requested", flat=True).first()
        if row is None:
            self._lost.set()
        elif row:
            self._cancelled.set()
        self.check()

    @transaction.atomic
    def confirm(self) -> None:
        """Ask the database now whether the job is still this worker's; raises as ``check``."""
        self.fence()

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Remember how far it is; the heartbeat writes it down."""
        self._progress = (str(stage), done, total)
        self.check()

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Run ``work`` beside this thread. Nothing waits for it at the process's end."""
        future: Future[T] = Future()

        def body() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - handed over to who waits for it
                future.set_exception(error)
            finally:
                connections.close_all()

        threading.Thread(target=copy_context().run, args=(body,), daemon=True).start()
        return future

    def result(self, future: Future[T]) -> T:
        """Wait for ``future``, or raise as ``check`` does and leave it to itself."""
        while not wait([future], timeout=_LOOK).done:
            self.check()
        return future.result()

    def call(self, work: Callable[[], T]) -> T:
        """``work()``, given up within a moment when the job is cancelled or lost."""
        self.check()
        return self.result(self.start(work))

    def write(self, work: Callable[[], None]) -> None:
        """As ``call``, for what goes to the store: the run knows what may still arrive there."""
        self.check()
        future = self.start(work)
        self._writes = [write for write in self._writes if not write.done()] + [future]
        self.result(future)

    def close(self, seconds: float) -> None:
        """From now on only tidying up: for ``seconds``, whoever asked to stop."""
        self._closes = time.monotonic() + seconds

    def written(self) -> bool:
        """Wait until nothing is on its way to the store any more; False where that takes long."""
        wait(self._writes, timeout=max(0.0, self._closes - time.monotonic()))
        return all(write.done() for write in self._writes)

    def ahead(
        self, work: Callable[[S], T], inputs: Iterable[S], weigh: Callable[[S], int], most: int
    ) -> Iterator[T]:
        """``work`` of each input, in order; the next ones begin while one's answer is looked at.

        Under way at a time are few inputs, of ``most`` weight together, or a single one.
        """
        waiting: deque[tuple[int, Future[T]]] = deque()
        total = 0
        for given in inputs:
            weight = weigh(given)
            while waiting and (total + weight > most or len(waiting) >= _AHEAD):
                done, future = waiting.popleft()
                yield self.result(future)
                total -= done
            self.check()
            waiting.append((weight, self.start(partial(work, given))))
            total += weight
        for _, future in waiting:
            yield self.result(future)

    # --- its end -----------------------------------------------------------------------------

    @transaction.atomic
    def end(self, state: JobState, error: ErrorField | None = None) -> bool:
        """Write the end, once. False when the job was no longer this worker's."""
        stage, done, total = self._progress
        ended = self._mine().update(
            state=state,
            error=error,
            stage=stage,
            done=done,
            total=total,
            waiting_for="",
            run_token=None,
            lease_until=None,
            finished_at=database_now(),
        )
        if ended:
            settle_source(self.job.source_id, self.job.kind, state, error)
            settle_build(self.job, state, error)
        return bool(ended)

    @transaction.atomic
    def requeue(self, seconds: float, why: str, *, counts: bool = True) -> bool:
        """Give the job back, due in ``seconds``; or cancelled, if that was asked meanwhile.

        It counts as an attempt unless ``counts`` is False; one that got ahead counts as the first.
        """
        row = self._mine().select_for_update().first()
        if row is None:
            return False
        if row.cancel_requested:
            return self.end(JobState.CANCELLED)
        later = database_now() + timedelta(seconds=seconds) if seconds else None
        if superseded(row):
            return self.end(JobState.CANCELLED, SUPERSEDED)
        self._mine().update(
            state=JobState.QUEUED,
            run_token=None,
            lease_until=None,
            not_before=later,
            waiting_for=why[:300],
            attempts=row.attempts if counts and not self.advanced else int(counts),
        )
        settle_source(self.job.source_id, self.job.kind, JobState.QUEUED, None)
        settle_build(self.job, JobState.QUEUED, None)
        return True

    # --- the heartbeat -----------------------------------------------------------------------

    def _mine(self) -> QuerySet[IngestJob]:
        rows: QuerySet[IngestJob] = IngestJob.objects.filter(
            pk=self.job.pk, run_token=self.job.run_token, state=JobState.RUNNING
        )
        return rows

    def _beat(self) -> None:
        try:
            while not self._stop.wait(settings.MINIRAG_JOB_HEARTBEAT_SECONDS):
                self._beat_once()
        finally:
            connections.close_all()

    def _beat_once(self) -> None:
        try:
            self._renew()
        except (DatabaseError, InterfaceError) as error:
            log.warning("no heartbeat for job %s: %s", self.job.pk, error)
            connections.close_all()
            if time.monotonic() - self._renewed > settings.MINIRAG_JOB_LEASE_SECONDS:
                self._lost.set()

    def _renew(self) -> None:
        begun = time.monotonic()
        if begun - self._renewed > settings.MINIRAG_JOB_LEASE_SECONDS / 4 or self._news():
            self._written = stage, done, total = self._progress
            lease = timedelta(seconds=settings.MINIRAG_JOB_LEASE_SECONDS)
            self._mine().update(
                stage=stage, done=done, total=total, lease_until=database_now() + lease
            )
            self._renewed = begun
        asked = self._mine().values_list("cancel_requested", flat=True).first()
        if asked is None and not self._stop.is_set():
            self._lost.set()
        elif asked:
            self._cancelled.set()

    def _news(self) -> bool:
        return self._progress != self._written
