"""Our values as the embedded engine's, and its answers as ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from minirag.types import Point, PointSelector, SparseVector, StoredVectors, VectorQuery
from minirag.vectorstores.points import (
    CANDIDATES,
    CHUNK,
    DENSE,
    DOCUMENT,
    SOURCE,
    SPARSE,
    TENANT,
    payload_of,
)


def record_of(tenant_id: UUID, point: Point) -> engine.Point:
    vectors: dict[str, engine.NamedVector] = {
        DENSE: point.dense.tolist(),
        SPARSE: sparse_of(point.sparse),
    }
    return engine.Point(id=point.id, vector=vectors, payload=payload_of(tenant_id, point))


def sparse_of(vector: SparseVector) -> engine.SparseVector:
    return engine.SparseVector(indices=list(vector.indices), values=list(vector.values))


def replaceable(tenant_id: UUID) -> engine.Filter:
    """What an upsert may overwrite: the tenant's own points, and those that lost their tenant."""
    own = engine.FieldCondition(TENANT, match=engine.MatchValue(str(tenant_id)))
    return engine.Filter(should=[own, engine.IsEmptyCondition(TENANT)])


def vectors_of(stored: Any) -> StoredVectors | None:
    """A record's vectors; None where one is missing."""
    named = cast(Mapping[str, Any], stored) if isinstance(stored, Mapping) else {}
    dense, terms = named.get(DENSE), named.get(SPARSE)
    if dense is None or terms is None:
        return None
    sparse_vector = SparseVector(tuple(terms.indices), tuple(terms.values))
    return StoredVectors(np.asarray(dense, dtype=np.float32), sparse_vector)


def where_of(tenant_id: UUID, selector: PointSelector | None = None) -> engine.Filter:
    """The tenant first, always; ``selects_nothing`` was asked before."""
    tenant = engine.FieldCondition(TENANT, match=engine.MatchValue(str(tenant_id)))
    must: list[engine.ConditionType] = [tenant]
    if selector is not None:
        for field, ids in ((SOURCE, selector.source_ids), (DOCUMENT, selector.document_ids)):
            if ids is not None:
                any_of = engine.MatchAny([str(value) for value in ids])
                must.append(engine.FieldCondition(field, match=any_of))
        if selector.point_ids is not None:
            must.append(engine.HasIdCondition(set(selector.point_ids)))
    return engine.Filter(must=must)


def hybrid(tenant_id: UUID, query: VectorQuery) -> engine.QueryRequest:
    where = where_of(tenant_id, PointSelector(source_ids=query.source_ids))
    candidates = max(CANDIDATES, query.limit)
    dense = engine.Query.Nearest(query.dense.tolist(), using=DENSE)
    prefetches = [engine.Prefetch(limit=candidates, query=dense, filter=where)]
    if query.sparse.indices:
        sparse = engine.Query.Nearest(sparse_of(query.sparse), using=SPARSE)
        # A tenant's rare words are judged by its own points, and tell nothing of others'.
        own = engine.SearchParams(idf=engine.IdfParams(corpus=where_of(tenant_id)))
        prefetches.append(engine.Prefetch(limit=candidates, query=sparse, filter=where, params=own))
    return engine.QueryRequest(
        limit=query.limit,
        prefetches=prefetches,
        query=engine.Fusion.Dbsf(),  # type: ignore[arg-type]  # the stub misses the base class
        filter=where,
        with_payload=engine.PayloadSelector.Include([TENANT, DOCUMENT, CHUNK]),
    )


def cosines(tenant_id: UUID, query: VectorQuery, ids: Sequence[UUID]) -> engine.QueryRequest:
    """A dense query over the hits only: cheaper than fetching their vectors from ten hits on."""
    return engine.QueryRequest(
        limit=len(ids),
        query=engine.Query.Nearest(query.dense.tolist(), using=DENSE),
        filter=where_of(tenant_id, PointSelector(point_ids=ids)),
    )
