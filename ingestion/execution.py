"""One claimed job from its first step to its one end: which error becomes which state."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from ingestion import pauses
from ingestion.endings import settle_source
from ingestion.fsck import check_index
from ingestion.leases import Cancelled, JobRun, JobStopped, LeaseLost, Postponed, TurnOver
from ingestion.models import IngestJob, JobKind, JobState
from ingestion.pipeline.ingest import ingest_source
from ingestion.pipeline.outcomes import Outcome
from ingestion.pipeline.reindex import reindex
from ingestion.pipeline.removal import delete_source, tidy
from ingestion.pipeline.tenant_removal import delete_tenant
from minirag.disk import keeps_nothing
from minirag.errors import ErrorCode, MiniRAGError, Unavailable

log = logging.getLogger(__name__)


def _delete(run: JobRun) -> Outcome:
    """A job of a deletion names a document, a source, or nothing less than the tenant."""
    return delete_tenant(run) if run.job.source_id is None else delete_source(run)


RUNNERS: Mapping[str, Callable[[JobRun], Outcome]] = {
    JobKind.INGEST: ingest_source,
    JobKind.REINDEX: reindex,
    JobKind.DELETE: _delete,
    JobKind.CHECK: check_index,
}
# A deletion was promised for shortly after the store is back.
_DELETE_BACKOFF = 20.0
_NO_ROOM = "There is no room on the disk at the moment."
# A job that ends early may take so long to tidy up.
_TIDY_SECONDS = 1.5


def execute(job: IngestJob) -> None:
    """Run a claimed ``job`` in its tenant's scope. Raises nothing but a broken database's errors.

    When even the end cannot be written, the lease runs out and the sweeper takes over.
    """
    with JobRun(job) as run:
        try:
            settle_source(job.source_id, job.kind, JobState.RUNNING, None)
            outcome = RUNNERS[job.kind](run)
        except Cancelled:
            _tidy(run)
            run.end(JobState.CANCELLED)
        except LeaseLost:
            log.info("job %s is no longer this worker's", job.pk)
        except TurnOver:
            run.requeue(0, "Other tenants go first for a moment.", counts=False)
        except Postponed as later:
            run.requeue(later.seconds, later.why, counts=False)
        except MiniRAGError as error:
            _give_back_or_fail(run, error)
        except (DatabaseError, InterfaceError):
            log.exception("job %s broke off: the database", job.pk)
            connections.close_all()
            run.requeue(_backoff(job), "The database did not answer.")
        except Exception as error:  # the task's outermost edge: every job ends
            log.exception("job %s failed", job.pk)
            if keeps_nothing(error):
                _give_back_or_fail(run, Unavailable(_NO_ROOM))
            else:
                _tidy(run)
                run.end(JobState.FAILED, MiniRAGError().as_field())
        else:
            run.end(outcome.state, outcome.error)


def _give_back_or_fail(run: JobRun, error: MiniRAGError) -> None:
    job = run.job
    tired = job.attempts >= settings.MINIRAG_JOB_ATTEMPTS and not run.advanced
    if job.kind == JobKind.DELETE:
        run.requeue(min(_backoff(job), _DELETE_BACKOFF), _why(error))
    elif error.code == ErrorCode.PROVIDER_UNAVAILABLE and error.retry_after:
        later = pauses.begin(run, error.retry_after)
        run.requeue(later.seconds, later.why, counts=False)
    elif tired or not error.retryable or job.kind == JobKind.CHECK:  # who asked waits for it
        _tidy(run)
        run.end(JobState.FAILED, error.as_field())
    else:
        run.requeue(_backoff(job), _why(error))


def _tidy(run: JobRun) -> None:
    """Take the points back that this run wrote in vain. The housekeeping does what fails here.

    Where a retry may come they are kept for it: then they are the housekeeping's, later.
    """
    if run.job.kind == JobKind.DELETE or settings.MINIRAG_JOB_KEEP_SECONDS > 0:
        return
    run.close(_TIDY_SECONDS)
    try:
        tidy(run)
    except (JobStopped, MiniRAGError, DatabaseError, InterfaceError) as error:
        log.info("job %s leaves points behind: %s", run.job.pk, type(error).__name__)


def _why(error: MiniRAGError) -> str:
    if error.code == ErrorCode.RETRIEVAL_UNAVAILABLE:
        return "The vector store does not answer."
    if error.code == ErrorCode.PROVIDER_UNAVAILABLE:
        return "The model provider is not available."
    return error.message


def _backoff(job: IngestJob) -> float:
    """Doubling from one second, with jitter so that many jobs do not come back together."""
    seconds: float = min(2.0 ** min(job.attempts - 1, 16), settings.MINIRAG_JOB_BACKOFF_SECONDS)
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
