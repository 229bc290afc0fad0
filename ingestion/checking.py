"""Queueing checks of a tenant's index. In the tenant's open scope."""

from __future__ import annotations

from django.db import transaction

from ingestion.models import IngestJob, JobKind
from ingestion.services import queue_job
from tenants import audit
from tenants.context import AuthContext


@transaction.atomic
def schedule_check(auth: AuthContext, *, repair: bool = False) -> IngestJob:
    """Queue a check of the tenant's index, with repair if asked; joins one that waits already."""
    job = queue_job(auth, JobKind.CHECK, source_id=None)
    asked = {"repair": repair or bool((job.result or {}).get("repair"))}
    IngestJob.objects.filter(pk=job.pk).update(result=asked)
    audit.record(auth, "index.check", job, detail=asked)
    found: IngestJob = IngestJob.objects.get(pk=job.pk)
    return found
