"""The look itself. It changes nothing, and goes on beside ingests, deletions and builds.

Points of work that is under way (a running job's documents) are no faults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar
from uuid import UUID

import numpy as np
from django.db.models import Q

from ingestion.clock import database_now
from ingestion.endings import kept_for_retry
from ingestion.fsck.findings import Beside, Findings
from ingestion.models import BUILD_STATES, BuildState, IndexBuild, IngestJob, JobKind, JobState
from ingestion.pipeline.filling import live_chunks
from ingestion.pipeline.index import Shelf, known_shelf
from minirag.types import PointSelector, StoredPoint, Vector, VectorSpace
from sources.models import Chunk, Document
from tenants.models import Tenant
from tenants.scope import tenant_scope

BATCH = 500
# Points whose vectors are read: all of them would be the whole store over the wire.
_CLOSELY = 1000
T = TypeVar("T")


def check_tenant(tenant: Tenant) -> Findings:
    """Compare one tenant's rows and points; its scope is opened here.

    Raises ``RetrievalUnavailable``, or ``Unavailable`` where a server holds the embedded store.
    """
    with tenant_scope(tenant.pk):
        shelf = known_shelf(tenant.pk)
        if shelf is None:  # nothing was ever indexed
            return Findings(tenant.pk, tenant.slug)
        points, payloads = _points(shelf)
        unnamed = _unnamed(shelf, points)
        doubles = _of_standing(unnamed)
        named = set(live_chunks().order_by().values_list("qdrant_point_id", flat=True).iterator())
        return Findings(
            tenant.pk,
            tenant.slug,
            suspended=tenant.suspended_at is not None,
            collection=shelf.space.collection,
            rows=live_chunks().count(),
            points=len(points),
            missing=_missing(shelf, points),
            doubles=doubles,
            orphans=len(unnamed) - doubles,
            waiting=len(points - named) - len(unnamed.keys() - named),
            unnamed=frozenset(unnamed),
            payloads=frozenset(payloads),
            vectors=frozenset(_wrong_vectors(shelf)),
            beside=tuple(_beside(shelf)),
        )


def _points(shelf: Shelf) -> tuple[set[UUID], set[UUID]]:
    """Ids of all points of the tenant, and of those that belie the row that names them."""
    found: set[UUID] = set()
    wrong: set[UUID] = set()
    stored = shelf.store.scroll(shelf.space, shelf.tenant_id, PointSelector())
    for batch in batches(stored):
        found.update(point.id for point in batch)
        wrong.update(_belied(batch))
    return found, wrong


def _belied(points: Sequence[StoredPoint]) -> Iterator[UUID]:
    rows = Chunk.objects.filter(qdrant_point_id__in=[point.id for point in points])
    named = {
        point_id: ids
        for point_id, *ids in rows.values_list("qdrant_point_id", "pk", "document_id", "source_id")
    }
    for point in points:
        ids = named.get(point.id)
        if ids is not None and ids != [point.chunk_id, point.document_id, point.source_id]:
            yield point.id


def _wrong_vectors(shelf: Shelf) -> Iterator[UUID]:
    """Points without both vectors, or whose dense one is of another length, or points nowhere."""
    named = live_chunks().order_by("pk").values_list("qdrant_point_id", flat=True)
    for batch in batches(named[:_CLOSELY]):
        there = held(shelf, batch)
        vectors = shelf.store.vectors(shelf.space, shelf.tenant_id, list(there))
        for point_id in there:
            one = vectors.get(point_id)
            if one is None or not _fits(one.dense, shelf.space):
                yield point_id


def _fits(dense: Vector, space: VectorSpace) -> bool:
    sound = dense.shape == (space.dimensions,) and np.isfinite(dense).all()
    return bool(sound and dense.any())


def _missing(shelf: Shelf, points: set[UUID]) -> dict[UUID, int]:
    """Rows without a point, looked at twice: a document may have been flipped meanwhile."""
    rows = live_chunks().values_list("pk", "qdrant_point_id")
    suspects = [pk for pk, point_id in rows.iterator() if point_id not in points]
    found: dict[UUID, int] = {}
    for batch in batches(suspects):
        again = list(live_chunks().filter(pk__in=batch).values_list("source_id", "qdrant_point_id"))
        there = held(shelf, [point_id for _, point_id in again])
        for source_id, point_id in again:
            if point_id not in there:
                found[source_id] = found.get(source_id, 0) + 1
    return found


def _unnamed(shelf: Shelf, points: set[UUID]) -> dict[UUID, UUID | None]:
    """Points that no row names, still held by the store, each with the document it is of.

    Without those that a running job is about to name, or a retry of one that broke off lately.
    """
    named = set(Chunk.objects.order_by().values_list("qdrant_point_id", flat=True).iterator())
    suspects = points - named
    under_way = _under_way() if suspects else set()
    found: dict[UUID, UUID | None] = {}
    for batch in batches(suspects):
        stored = shelf.store.scroll(shelf.space, shelf.tenant_id, PointSelector(point_ids=batch))
        held = {
            p.id: p.document_id for p in stored if (p.document_id, p.source_id) not in under_way
        }
        # A job may have named it, and come to its end, while we looked.
        late = Chunk.objects.filter(qdrant_point_id__in=list(held)).order_by()
        late_ids = set(late.values_list("qdrant_point_id", flat=True))
        found.update((pk, document) for pk, document in held.items() if pk not in late_ids)
    return found


def _under_way() -> set[tuple[UUID | None, UUID | None]]:
    """Documents, with their sources, whose unnamed points are somebody's.

    A point does not say which attempt made it, but the mark on its document is as exact: it is
    written before the first point that no row names, and taken off when all such are deleted. So
    what is passed over here goes by itself: with the running job's end, with the retry, or, when
    the time for one is over, with the housekeeping; and nothing of any other document is.
    """
    running = IngestJob.objects.filter(state=JobState.RUNNING).exclude(kind=JobKind.CHECK)
    busy = Q(source_id__in=running.values("source_id"))
    kept = Q(source_id__in=kept_for_retry().values("source_id"))
    rows = Document.objects.filter(busy | kept, stale_points=True).order_by()
    return set(rows.values_list("pk", "source_id"))


def _of_standing(unnamed: Mapping[UUID, UUID | None]) -> int:
    """How many of the points belong to documents that stand."""
    points = Counter(document_id for document_id in unnamed.values() if document_id is not None)
    documents = Document.objects.filter(deleted_at__isnull=True, source__deleted_at__isnull=True)
    return sum(
        points[pk]
        for batch in batches(points)
        for pk in documents.filter(pk__in=batch).order_by().values_list("pk", flat=True)
    )


def _beside(shelf: Shelf) -> Iterator[Beside]:
    """The tenant's other indexes, also those that are said to be swept."""
    for space, state in other_spaces(shelf.space).items():
        other = Shelf(shelf.tenant_id, space, shelf.store)
        points = other.store.count(space, other.tenant_id, PointSelector())
        if points or state != BuildState.SWEPT:
            yield Beside(space.collection, state, points, len(strays_of(other, state)))


def other_spaces(live: VectorSpace) -> dict[VectorSpace, str]:
    """Where the tenant has or had an index besides the live one, with what became of it.

    One that is kept or tried again later counts as swept once its time is over.
    """
    now = database_now()
    found: dict[VectorSpace, str] = {}
    rows = IndexBuild.objects.filter(dimensions__isnull=False).order_by("updated_at")
    for build in rows:
        over = build.state not in BUILD_STATES and (build.kept_until or now) <= now
        found[build.space] = BuildState.SWEPT if over else build.state
    found.pop(live, None)
    return found


def strays_of(shelf: Shelf, state: str) -> set[UUID]:
    """Points that should not be in an index beside the live one.

    One that is being built drops its own before it takes over.
    """
    if state in BUILD_STATES:
        return set()
    points = set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, PointSelector()))
    return points if state == BuildState.SWEPT else set(_unnamed(shelf, points))


def held(shelf: Shelf, point_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these points the store holds."""
    selector = PointSelector(point_ids=point_ids)
    return set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, selector))


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Some hundreds at a time."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
