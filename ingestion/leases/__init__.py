"""A worker's hold on a job: heartbeat, fence, cancel, progress, and its one end.

Every write names the run token, so a worker that lost its job writes nothing. Blocking work (a
provider, a parser, a fetch) runs beside the holder, which is therefore always free to stop.
"""

from ingestion.leases.run import JobRun
from ingestion.leases.stops import (
    Cancelled,
    JobStopped,
    LeaseLost,
    Postponed,
    TooLate,
    TurnOver,
    going_down,
)

__all__ = [
    "Cancelled",
    "JobRun",
    "JobStopped",
    "LeaseLost",
    "Postponed",
    "TooLate",
    "TurnOver",
    "going_down",
]
