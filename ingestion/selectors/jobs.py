"""Jobs as lists and by id."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from ingestion.models import IngestJob, JobKind
from minirag.errors import NotFound
from tenants.context import AuthContext


def list_jobs(
    auth: AuthContext, *, source_id: UUID | None = None, state: str | None = None
) -> QuerySet[IngestJob]:
    """Newest first; checks of the index are the operator's affair and left out."""
    rows: QuerySet[IngestJob] = IngestJob.objects.filter(tenant_id=auth.tenant_id).exclude(
        kind=JobKind.CHECK
    )
    if source_id is not None:
        rows = rows.filter(source_id=source_id)
    return rows.filter(state=state) if state else rows


def access_job(auth: AuthContext, job_id: UUID) -> IngestJob:
    """Raises ``NotFound`` alike for foreign and missing ones."""
    job = list_jobs(auth).filter(pk=job_id).first()
    if job is None:
        raise NotFound
    return job
