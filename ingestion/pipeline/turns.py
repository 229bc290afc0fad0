"""A long job makes room for those that wait, once it has worked for a slice of time."""

from __future__ import annotations

import time

from django.conf import settings

from ingestion.claims import others_wait
from ingestion.leases import JobRun, Postponed, TurnOver
from ingestion.pipeline.index import is_switching
from tenants.scope import platform_scope


class Turn:
    """One job's time at a worker. What it has done by the turn's end is not done again."""

    def __init__(self, run: JobRun) -> None:
        self._tenant_id = run.job.tenant_id
        self._begun = time.monotonic()

    def is_over(self) -> bool:
        """Whether the slice has passed."""
        return bool(time.monotonic() - self._begun >= settings.MINIRAG_JOB_SLICE_SECONDS)

    def again(self) -> None:
        """Nobody waits: another slice."""
        self._begun = time.monotonic()

    def is_wanted(self) -> bool:
        """Whether another tenant has due work."""
        with platform_scope("does another tenant wait for a worker"):
            return others_wait(self._tenant_id)

    def waited_for(self) -> bool:
        """Whether, after a slice, others go first. Raises ``Postponed`` during a switch."""
        if not self.is_over():
            return False
        wanted = self.is_wanted()
        if is_switching(self._tenant_id):
            raise Postponed(0, "The tenant's index is just being exchanged.")
        self.again()
        return wanted

    def make_room(self) -> None:
        """Raises ``TurnOver`` where others go first, or as ``waited_for``."""
        if self.waited_for():
            raise TurnOver
