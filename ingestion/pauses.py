"""A provider that asks one credential to wait is asked no more by any job of that credential.

The pause is a row, so that all workers know of it and a restart does not forget it. Searches are
not held up by it: a question is worth one try, and has an answer of its own if that is refused.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from ingestion.clock import database_now
from ingestion.leases import JobRun, Postponed
from ingestion.models import CredentialPause, IngestJob, JobKind, JobState
from minirag.types import Credentials

# Jobs of a credential come back over this share of the wait, not all in one moment.
_SPREAD = 0.1
_MOST_SPREAD = 5.0
# Queued jobs come back in so many lots.
_LOTS = 8


def use(run: JobRun, model: str, credentials: Credentials) -> None:
    """Say which credential the run's work will use. Raises ``Postponed`` where it has to wait."""
    run.credential = digest_of(run.job.tenant_id, model, credentials)
    heed(run)


def digest_of(tenant_id: UUID, model: str, credentials: Credentials) -> str:
    """A name for a provider's credential from which nobody learns the credential."""
    provider = model.partition("/")[0]
    what = json.dumps([str(tenant_id), provider, sorted(credentials.values.items())])
    return salted_hmac("ingestion.pauses", what, algorithm="sha256").hexdigest()


def heed(run: JobRun) -> None:
    """Raises ``Postponed`` while the provider has asked the run's credential to wait."""
    pause = CredentialPause.objects.filter(digest=run.credential).first()
    if pause is not None:
        left = (pause.until - database_now()).total_seconds()
        if left > 0:
            raise Postponed(left + _spread(left), _words(pause.asked_seconds))


def begin(run: JobRun, asked: float) -> Postponed:
    """Pause the run's credential for the seconds that its provider ``asked`` for.

    At most ``MINIRAG_JOB_BACKOFF_SECONDS``, however absurd the number. A longer pause that stands
    is not cut short. Returns what ends this very run.
    """
    seconds = min(asked, settings.MINIRAG_JOB_BACKOFF_SECONDS)
    now = database_now()
    until = now + timedelta(seconds=seconds)
    with transaction.atomic():
        CredentialPause.objects.filter(tenant_id=run.job.tenant_id, until__lt=now).delete()
        pause, _ = CredentialPause.objects.get_or_create(
            tenant_id=run.job.tenant_id,
            digest=run.credential,
            defaults={"until": until, "asked_seconds": seconds},
        )
        longer = CredentialPause.objects.filter(pk=pause.pk, until__lt=until)
        longer.update(until=until, asked_seconds=seconds)
        if run.job.source_id is not None:
            _hold_queue(run.job.tenant_id, until, seconds)
    return Postponed(seconds + _spread(seconds), _words(seconds))


def _hold_queue(tenant_id: UUID, until: datetime, seconds: float) -> None:
    """The tenant's queued jobs need no worker to find out: they become due after the pause.

    Only those of sources, which embed with the tenant's present credential.
    """
    waiting = IngestJob.objects.filter(
        Q(not_before__isnull=True) | Q(not_before__lt=until),
        tenant_id=tenant_id,
        state=JobState.QUEUED,
        kind__in=(JobKind.INGEST, JobKind.REINDEX),
        source_id__isnull=False,
    )
    spread = min(seconds * _SPREAD, _MOST_SPREAD)
    size = 2**128 // _LOTS
    for lot in range(_LOTS):  # ids are random, so the lots are about equal
        some = waiting.filter(pk__gte=UUID(int=lot * size), pk__lte=UUID(int=(lot + 1) * size - 1))
        later = until + timedelta(seconds=spread * lot / _LOTS)
        some.update(not_before=later, waiting_for=_words(seconds))


def _spread(seconds: float) -> float:
    return random.uniform(0, min(seconds * _SPREAD, _MOST_SPREAD))  # noqa: S311 - no secret


def _words(seconds: float) -> str:
    return f"The model provider asked to wait {max(1, round(seconds))} s."
