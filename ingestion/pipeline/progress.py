"""How far a job is, counted in chunks: ``total`` grows while documents are still being found."""

from __future__ import annotations

from ingestion.leases import JobRun
from minirag.types import Stage


class Progress:
    """Counts for one job. Each call may raise what ``JobRun.check`` raises.

    Not less than ``reached`` is told: an attempt that goes on where the last one broke off first
    passes by what that one did.
    """

    def __init__(self, run: JobRun, reached: int = 0) -> None:
        self._run = run
        self._reached = reached
        self._stage = Stage.LOAD
        self.done = 0
        self.total = 0

    def at(self, stage: Stage) -> None:
        self._stage = stage
        self._tell()

    def found(self, chunks: int) -> None:
        """So many chunks more to do."""
        self.total += chunks
        self._tell()

    def advance(self, chunks: int) -> None:
        """So many chunks done."""
        self.done = min(self.done + chunks, self.total)
        self._tell()

    def _tell(self) -> None:
        done = min(max(self.done, self._reached), self.total)
        self._run.progress(self._stage, done, self.total)
