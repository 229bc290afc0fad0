"""Sources that are read again by themselves: the sweeper queues those whose time has come."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ingestion.clock import database_now
from ingestion.endings import settle_source
from ingestion.models import ACTIVE_STATES, IngestJob, JobKind, JobState, TenantTurn
from sources.models import Refresh, Source
from sources.refreshing import next_refresh
from tenants import audit
from tenants.context import system_context
from tenants.scope import tenant_scope

# Sources that one sweep queues; the next one comes within seconds.
_MOST = 100


def due_refreshes() -> list[tuple[UUID, UUID]]:
    """(tenant, source) of what is due, longest waiting first; in ``platform_scope``.

    Nothing is fetched for a suspended tenant.
    """
    due = Source.objects.filter(
        next_refresh_at__lte=database_now(),
        deleted_at__isnull=True,
        tenant__suspended_at__isnull=True,
    ).exclude(refresh=Refresh.OFF)
    return list(due.order_by("next_refresh_at").values_list("tenant_id", "pk")[:_MOST])


def queue_refreshes(due: list[tuple[UUID, UUID]]) -> int:
    """An ingest job for each of ``due``, unless one is under way. Returns how many were queued."""
    queued = 0
    for tenant_id, source_id in due:
        with tenant_scope(tenant_id):
            queued += _queue(tenant_id, source_id, database_now())
    return queued


@transaction.atomic
def _queue(tenant_id: UUID, source_id: UUID, now: datetime) -> bool:
    """Several sweepers may come at once: the source's row is the lock, its time the proof."""
    source = (
        Source.objects.select_for_update(of=("self",))
        .filter(pk=source_id, deleted_at__isnull=True, next_refresh_at__lte=now)
        .first()
    )
    if source is None:
        return False
    source.next_refresh_at = next_refresh(source.refresh, now)
    source.save(update_fields=["next_refresh_at"])
    active = IngestJob.objects.filter(
        source_id=source_id, kind=JobKind.INGEST, state__in=ACTIVE_STATES
    )
    if source.next_refresh_at is None or active.exists():
        return False
    job = IngestJob.objects.create(tenant_id=tenant_id, kind=JobKind.INGEST, source_id=source_id)
    Source.objects.filter(pk=source_id).update(refresh_job_id=job.pk)
    settle_source(source_id, JobKind.INGEST, JobState.QUEUED, None)
    TenantTurn.objects.get_or_create(tenant_id=tenant_id, defaults={"served_at": now})
    audit.record(
        system_context(tenant_id, "refresh"), "source.ingest", source, detail={"job": str(job.pk)}
    )
    return True
