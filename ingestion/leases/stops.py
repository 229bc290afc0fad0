"""Why a run ends before its work does, at somebody else's word."""

from __future__ import annotations

import threading

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
    """Other tenants wait, or the process goes down: back to the queue, to go on later."""


class Postponed(JobStopped):
    """Something else comes first: back to the queue for ``seconds``, and no attempt is counted."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.why = why
