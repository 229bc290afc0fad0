"""Rows against points, both ways, tenant by tenant: what a search cannot find, what nobody names.

Points of work that is under way (a running job's documents), or that broke off so lately that a
retry may want them, are neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from ingestion.endings import kept_for_retry
from ingestion.housekeeping import delete_points, hold_still
from ingestion.models import IngestJob, JobState
from ingestion.pipeline.index import Shelf, known_shelf
from minirag.types import PointSelector
from sources.models import Chunk, Document
from tenants.models import Tenant
from tenants.scope import tenant_scope

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Findings:
    """One tenant's index compared with its rows."""

    tenant_id: UUID
    tenant: str
    # Nobody works for a suspended tenant.
    suspended: bool = False
    collection: str = ""
    rows: int = 0
    points: int = 0
    # Chunk rows whose point the store does not hold, by source.
    missing: dict[UUID, int] = field(default_factory=dict)
    # Points of standing documents that no row names: a chunk's second point, or an old one.
    doubles: int = 0
    # Points of documents that are no more.
    orphans: int = 0
    # All points that no row names.
    unnamed: frozenset[UUID] = frozenset()

    @property
    def clean(self) -> bool:
        return not self.missing and not self.unnamed


def check_tenant(tenant: Tenant) -> Findings:
    """Compare one tenant's rows and points; its scope is opened here. Changes nothing.

    Raises ``RetrievalUnavailable``, or ``Unavailable`` where a server holds the embedded store.
    """
    with tenant_scope(tenant.pk):
        shelf = known_shelf(tenant.pk)
        if shelf is None:  # nothing was ever indexed
            return Findings(tenant.pk, tenant.slug)
        points = set(shelf.store.scroll_ids(shelf.space, tenant.pk, PointSelector()))
        unnamed = _unnamed(shelf, points)
        doubles = _of_standing(shelf, unnamed)
        return Findings(
            tenant.pk,
            tenant.slug,
            suspended=tenant.suspended_at is not None,
            collection=shelf.space.collection,
            rows=_live_rows().count(),
            points=len(points),
            missing=_missing(shelf, points),
            doubles=doubles,
            orphans=len(unnamed) - doubles,
            unnamed=frozenset(unnamed),
        )


def _live_rows() -> QuerySet[Chunk]:
    """What can be found. Rows of tombstones wait for their deletion: points they may still name."""
    rows: QuerySet[Chunk] = Chunk.objects.filter(
        document__deleted_at__isnull=True, source__deleted_at__isnull=True
    )
    return rows.order_by()


def _missing(shelf: Shelf, points: set[UUID]) -> dict[UUID, int]:
    """Rows without a point, looked at twice: a document may have been flipped meanwhile."""
    rows = _live_rows().values_list("pk", "qdrant_point_id")
    suspects = [pk for pk, point_id in rows.iterator() if point_id not in points]
    found: dict[UUID, int] = {}
    for batch in _batches(suspects):
        again = list(_live_rows().filter(pk__in=batch).values_list("source_id", "qdrant_point_id"))
        held = _held(shelf, [point_id for _, point_id in again])
        for source_id, point_id in again:
            if point_id not in held:
                found[source_id] = found.get(source_id, 0) + 1
    return found


def _unnamed(shelf: Shelf, points: set[UUID]) -> set[UUID]:
    """Points that no row names and no running job is about to name, still held by the store."""
    named = set(Chunk.objects.order_by().values_list("qdrant_point_id", flat=True).iterator())
    suspects = points - named
    if not suspects:
        return suspects
    busy = Q(source_id__in=IngestJob.objects.filter(state=JobState.RUNNING).values("source_id"))
    kept = Q(source_id__in=kept_for_retry().values("source_id"), deleted_at__isnull=True)
    marked = Document.objects.filter(busy | kept, stale_points=True)
    under_way = list(marked.values_list("pk", flat=True))
    for batch in _batches(under_way):
        selector = PointSelector(document_ids=batch)
        suspects -= set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, selector))
    return {pk for batch in _batches(list(suspects)) for pk in _held(shelf, batch)}


def _of_standing(shelf: Shelf, unnamed: set[UUID]) -> int:
    """How many of the points belong to documents that stand."""
    if not unnamed:
        return 0
    documents = Document.objects.filter(deleted_at__isnull=True, source__deleted_at__isnull=True)
    ids = list(documents.order_by().values_list("pk", flat=True))
    return sum(
        shelf.store.count(
            shelf.space,
            shelf.tenant_id,
            PointSelector(document_ids=some, point_ids=batch),
        )
        for some in _batches(ids)
        for batch in _batches(list(unnamed))
    )


def _held(shelf: Shelf, point_ids: Sequence[UUID]) -> set[UUID]:
    selector = PointSelector(point_ids=point_ids)
    return set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, selector))


def delete_unnamed(found: Findings) -> bool:
    """Delete the points that no row names. False where a job of the tenant runs: try again later.

    The tenant's turn is held meanwhile, so no worker begins to write such points.
    """
    with tenant_scope(found.tenant_id):
        shelf = known_shelf(found.tenant_id)
        if shelf is None or not found.unnamed:
            return True
        shelf.store.ping()  # not inside the transaction
        with transaction.atomic():
            if not hold_still(found.tenant_id):
                return False
            for batch in _batches(list(found.unnamed)):
                named = Chunk.objects.filter(qdrant_point_id__in=batch)
                delete_points(
                    shelf, set(batch) - set(named.values_list("qdrant_point_id", flat=True))
                )
        return True


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[at : at + _BATCH] for at in range(0, len(ids), _BATCH))
