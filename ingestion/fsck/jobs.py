"""A check as a job: for a server that holds the store, and for the console."""

from __future__ import annotations

from django.db import transaction

from ingestion.fsck.looking import check_tenant
from ingestion.fsck.repairing import repair
from ingestion.leases import JobRun
from ingestion.models import IngestJob, JobState
from ingestion.pipeline.outcomes import Outcome
from tenants.models import Tenant


def check_index(run: JobRun) -> Outcome:
    """Run one check of a tenant's index; what it found stands on the job's row afterwards."""
    asked = IngestJob.objects.values_list("result", flat=True).get(pk=run.job.pk) or {}
    tenant = Tenant.objects.get(pk=run.job.tenant_id)
    found = run.call(lambda: check_tenant(tenant))
    whole = True
    if asked.get("repair") and not found.clean:
        whole = repair(run, found)
        found = run.call(lambda: check_tenant(tenant))
    with transaction.atomic():
        run.fence()
        told = {**found.as_dict(), "repair": bool(asked.get("repair")), "left_for_later": not whole}
        IngestJob.objects.filter(pk=run.job.pk).update(result=told)
    return Outcome(JobState.SUCCEEDED)
