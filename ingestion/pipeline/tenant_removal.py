"""A whole tenant: points first, then files and rows. Usage and audit events are kept.

The rows of all apps are found by their model, so that a new table cannot be forgotten.
"""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.apps import apps
from django.core.files.storage import default_storage
from django.db import models, transaction

from ingestion.leases import JobRun, Postponed
from ingestion.models import IngestJob, JobState
from ingestion.pipeline.outcomes import Outcome
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.removal import delete_points_of, delete_rows
from minirag.types import PointSelector, Stage
from sources.models import Document
from sources.uploads import discard, drop_folder
from tenants.models import TenantOwned
from tenants.services.members import forget_people, people_of
from tenants.services.tenancy import blank_tombstone

# What a tenant has cost is on somebody's bill.
KEPT = frozenset({"usage.UsageEvent", "usage.MonthlySpend"})
_BATCH = 500
_DOCUMENTS = 50
# Seconds after which it is looked again whether the other jobs have ended.
_LOOK = 1.0


def delete_tenant(run: JobRun) -> Outcome:
    """Run the deletion of a tombstone tenant. Repeating it is harmless.

    Raises ``Postponed`` while another job of the tenant has not stopped yet.
    """
    tenant_id = run.job.tenant_id
    others = IngestJob.objects.filter(state=JobState.RUNNING).exclude(pk=run.job.pk)
    if others.exists():
        raise Postponed(_LOOK, "Other jobs of the tenant are being stopped.")
    Progress(run).at(Stage.SWEEP)
    delete_points_of(run, PointSelector())
    while ids := list(Document.objects.order_by("pk").values_list("pk", flat=True)[:_DOCUMENTS]):
        delete_rows(run, ids)
    people = people_of(tenant_id)
    for model in doomed_models():
        _empty(run, model)
    run.call(lambda: _forget_folder(tenant_id))
    with transaction.atomic():
        run.fence()
        forget_people(people)
        blank_tombstone(tenant_id)
    return Outcome(JobState.SUCCEEDED)


def doomed_models() -> list[type[TenantOwned]]:
    """Tables whose rows go, those first that hang on others."""
    owned = [model for model in apps.get_models() if issubclass(model, TenantOwned)]
    return sorted(
        (model for model in owned if model._meta.label not in KEPT), key=_depth, reverse=True
    )


def _depth(model: type[models.Model]) -> int:
    """How many tenant-owned rows stand one below the other down to this one."""
    above = [
        field.related_model
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
    ]
    return 1 + max(
        (
            _depth(one)
            for one in above
            if isinstance(one, type) and one is not model and issubclass(one, TenantOwned)
        ),
        default=0,
    )


def _empty(run: JobRun, model: type[TenantOwned]) -> None:
    """All rows of the tenant, some hundreds in one transaction. The job's own row stays."""
    rows = model.objects.filter(tenant_id=run.job.tenant_id).exclude(pk=run.job.pk).order_by()
    while ids := list(rows.values_list("pk", flat=True)[:_BATCH]):
        with transaction.atomic():
            run.fence()
            model.objects.filter(pk__in=ids).delete()


def _forget_folder(tenant_id: UUID) -> None:
    """Files that no row spoke of (what an upload left that broke off), and empty folders."""
    with suppress(FileNotFoundError):  # nothing was ever stored
        for source in default_storage.listdir(str(tenant_id))[0]:
            folder = f"{tenant_id}/{source}"
            discard([f"{folder}/{name}" for name in default_storage.listdir(folder)[1]])
            drop_folder(folder)
        drop_folder(str(tenant_id))
