"""``JobRun``: one worker holding one job, from its claim to its one end."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextvars import copy_context
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import QuerySet

from ingestion.clock import database_now
from ingestion.endings import SUPERSEDED, settle_build, settle_source, superseded
from ingestion.leases.beside import Beside
from ingestion.leases.stops import Cancelled, LeaseLost, TooLate, TurnOver, going_down
from ingestion.models import IngestJob, JobState
from minirag.errors import ErrorField
from minirag.types import Stage

log = logging.getLogger(__name__)

# Seconds that a measured rate looks back.
_PACE_SECONDS = 30.0


class JobRun(Beside):
    """One worker holding one job. Use as a context manager inside the tenant's scope."""

    def __init__(self, job: IngestJob) -> None:
        super().__init__()
        self.job = job
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._lost = threading.Event()
        # Whether this run has stored anything: then the next failure is no repeated one.
        self.advanced = False
        # Digest of the provider's credential that the work uses, once it is known.
        self.credential = ""
        # Documents that this run has begun to read, and chunks that it has embedded.
        self.documents_read = 0
        self.embedded = 0
        self._under_way: dict[str, None] = {}
        self._progress = (job.stage, job.done, job.total)
        self._written = self._progress
        self._paces = deque([(job.pace_at or database_now(), 0)])
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
        self._see(self._mine().select_for_update())
        self.check()

    def confirm(self) -> None:
        """Ask the database now whether the job is still this worker's; raises as ``check``."""
        self._see(self._mine())
        self.check()

    def _see(self, mine: QuerySet[IngestJob]) -> None:
        asked = mine.values_list("cancel_requested", flat=True).first()
        if asked is None:
            self._lost.set()
        elif asked:
            self._cancelled.set()

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Remember how far it is; the heartbeat writes it down."""
        self._progress = (str(stage), done, total)
        self.check()

    def stored(self, chunks: int) -> None:
        """So many chunks more were embedded and are in the store."""
        self.advanced = True
        self.embedded += chunks

    def begin(self, keys: Iterable[str]) -> None:
        """Write down, before anything is done with them, which documents are under way.

        Should this process die, they are what it may have died of. Raises as ``check``.
        """
        self._under_way |= dict.fromkeys(keys)
        if not self._mine().update(under_way=list(self._under_way)):
            self._lost.set()
        self.check()

    def finished(self, keys: Iterable[str]) -> None:
        """These documents are no longer under way; the row says so with the next ``begin``."""
        for key in keys:
            self._under_way.pop(key, None)

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
            embedded=self.embedded,
            waiting_for="",
            run_token=None,
            lease_until=None,
            under_way=[],
            suspects={},
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
        before = 1 if self.advanced else row.attempts
        self._mine().update(
            state=JobState.QUEUED,
            run_token=None,
            lease_until=None,
            not_before=later,
            waiting_for=why[:300],
            attempts=before if counts else max(before - 1, 0),
            under_way=[],
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
            self._written = self._progress
            self._mine().update(**self._present())
            self._renewed = begun
        asked = self._mine().values_list("cancel_requested", flat=True).first()
        if asked is None and not self._stop.is_set():
            self._lost.set()
        elif asked:
            self._cancelled.set()

    def _present(self) -> dict[str, Any]:
        """What a sign of life writes: the lease, how far it is, and where the rate counts from."""
        stage, done, total = self._written
        now = database_now()
        self._paces.append((now, done))
        while (now - self._paces[0][0]).total_seconds() > _PACE_SECONDS and len(self._paces) > 2:
            self._paces.popleft()
        since, had = self._paces[0]
        return {
            "stage": stage,
            "done": done,
            "total": total,
            "documents_read": self.documents_read,
            "pace_at": since,
            "pace_done": had,
            "lease_until": now + timedelta(seconds=settings.MINIRAG_JOB_LEASE_SECONDS),
        }

    def _news(self) -> bool:
        return self._progress != self._written
