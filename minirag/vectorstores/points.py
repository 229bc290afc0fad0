"""What all vector stores share: names in the index, limits of a call, and checks before the engine.

A point carries ids only; the text of a chunk stays in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from minirag.errors import MiniRAGError, RetrievalUnavailable
from minirag.types import (
    Point,
    PointSelector,
    StoredPoint,
    StoreHit,
    Vector,
    VectorQuery,
    VectorSpace,
)

DENSE = "dense"
SPARSE = "sparse"
TENANT = "tenant_id"
SOURCE = "source_id"
DOCUMENT = "document_id"
CHUNK = "chunk_id"
# Fields that a filter may name. The tenant's comes first and is marked as such in the engine.
INDEXED = (TENANT, SOURCE, DOCUMENT)

# Candidates of each kind that the fusion looks at; DBSF needs enough of them for a distribution.
CANDIDATES = 100
# Points written or read per call of the engine: it holds the GIL for 5 to 25 ms meanwhile.
UPSERT_BATCH = 128
SCROLL_PAGE = 1000

T = TypeVar("T")


class VectorMismatch(MiniRAGError):
    """Vectors that do not belong into this space: a fault of ours, not worth another try."""

    default_message = "The vectors do not fit the index."


def check_points(space: VectorSpace, points: Sequence[Point]) -> None:
    """Refuse vectors of a wrong length or with NaN: the engine would store the latter silently."""
    for point in points:
        _check_dense(space, point.dense)
        if len(point.sparse.indices) != len(point.sparse.values):
            raise VectorMismatch


def check_query(space: VectorSpace, query: VectorQuery) -> None:
    _check_dense(space, query.dense)


def _check_dense(space: VectorSpace, dense: Vector) -> None:
    if dense.shape != (space.dimensions,) or not np.isfinite(dense).all():
        raise VectorMismatch


def selects_nothing(selector: PointSelector) -> bool:
    """Whether any condition is an empty list, which no point meets."""
    lists = (selector.source_ids, selector.document_ids, selector.point_ids)
    return any(ids is not None and not ids for ids in lists)


def batches(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def payload_of(tenant_id: UUID, point: Point) -> dict[str, str]:
    return {
        TENANT: str(tenant_id),
        SOURCE: str(point.source_id),
        DOCUMENT: str(point.document_id),
        CHUNK: str(point.chunk_id),
    }


def hit_of(
    tenant_id: UUID,
    point_id: object,
    payload: Mapping[str, Any] | None,
    score: float,
    cosine: float,
) -> StoreHit:
    """A hit from what an engine answered; another tenant's point or a damaged one is an outage."""
    try:
        payload = payload or {}
        if payload[TENANT] != str(tenant_id):
            raise RetrievalUnavailable
        return StoreHit(
            point_id=point_id if isinstance(point_id, UUID) else UUID(str(point_id)),
            chunk_id=UUID(payload[CHUNK]),
            document_id=UUID(payload[DOCUMENT]),
            score=float(score),
            cosine=max(-1.0, min(1.0, float(cosine))),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as exc:
        raise RetrievalUnavailable from exc


def stored_point(point_id: object, payload: Mapping[str, Any] | None) -> StoredPoint:
    """A point as it stands, whatever became of its payload."""
    fields = payload or {}
    return StoredPoint(
        id=UUID(str(point_id)),
        chunk_id=_id_in(fields, CHUNK),
        document_id=_id_in(fields, DOCUMENT),
        source_id=_id_in(fields, SOURCE),
    )


def _id_in(fields: Mapping[str, Any], name: str) -> UUID | None:
    try:
        return UUID(fields[name])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def best_first(hits: Iterable[StoreHit]) -> list[StoreHit]:
    """Order that does not depend on the engine where scores are equal."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.point_id))
