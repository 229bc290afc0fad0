"""A text with a vector in the tenant's index already gets a copy of it: nobody is paid twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from django.db.models import CharField, Min
from django.db.models.functions import Cast

from ingestion.leases import JobRun
from ingestion.pipeline.index import Index
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.vectors import Todo, store_points
from minirag.types import StoredVectors
from sources.models import Chunk


def copy_known(
    run: JobRun, index: Index, todo: Sequence[Todo], progress: Progress
) -> Sequence[Todo]:
    """Store points for those of ``todo`` whose text the tenant has embedded; return the others.

    Only with the tenant's own vectors of this very collection: never another's, never another
    model's.
    """
    found = _known(run, index, {one.digest for one in todo})
    points = [
        one.point(found[one.digest].dense, found[one.digest].sparse)
        for one in todo
        if one.digest in found
    ]
    if points:
        store_points(run, index, points, progress)
    return [one for one in todo if one.digest not in found]


def _known(run: JobRun, index: Index, digests: set[str]) -> Mapping[str, StoredVectors]:
    """Vectors by what they are of, where the store holds them."""
    points = known_points(index.tenant_id, digests)
    if not points:
        return {}
    read = partial(index.store.vectors, index.space, index.tenant_id, list(points))
    return {points[point_id]: vectors for point_id, vectors in run.call(read).items()}


def known_points(tenant_id: UUID, digests: set[str]) -> dict[UUID, str]:
    """Points of which the rows say that they are of one of these texts, with its digest."""
    rows = Chunk.objects.filter(tenant_id=tenant_id, embedded_hash__in=digests - {""})
    # One point for each text, however many chunks say it; PostgreSQL knows no least UUID.
    least = Min(Cast("qdrant_point_id", CharField(max_length=36)))
    pairs = rows.order_by().values_list("embedded_hash").annotate(least=least)
    return {UUID(point_id): digest for digest, point_id in pairs}
