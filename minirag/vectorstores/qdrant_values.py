"""Our values as qdrant-client's models, and its answers as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
from qdrant_client import models

from minirag.types import Point, PointSelector, SparseVector, StoredVectors, VectorQuery
from minirag.vectorstores.points import (
    CANDIDATES,
    DENSE,
    DOCUMENT,
    SOURCE,
    SPARSE,
    TENANT,
    payload_of,
)


def record_of(tenant_id: UUID, point: Point) -> models.PointStruct:
    return models.PointStruct(
        id=str(point.id),
        vector={DENSE: point.dense.tolist(), SPARSE: sparse_of(point.sparse)},
        payload=payload_of(tenant_id, point),
    )


def sparse_of(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def replaceable(tenant_id: UUID) -> models.Filter:
    """What an upsert may overwrite: the tenant's own points, and those that lost their tenant."""
    own = models.FieldCondition(key=TENANT, match=models.MatchValue(value=str(tenant_id)))
    nobody = models.IsEmptyCondition(is_empty=models.PayloadField(key=TENANT))
    return models.Filter(should=[own, nobody])


def vectors_of(stored: Any) -> StoredVectors | None:
    """A record's vectors; None where one is missing."""
    named = stored if isinstance(stored, Mapping) else {}
    dense, terms = named.get(DENSE), named.get(SPARSE)
    if dense is None or not isinstance(terms, models.SparseVector):
        return None
    sparse_vector = SparseVector(tuple(terms.indices), tuple(terms.values))
    return StoredVectors(np.asarray(dense, dtype=np.float32), sparse_vector)


def where_of(tenant_id: UUID, selector: PointSelector | None = None) -> models.Filter:
    """The tenant first, always; ``selects_nothing`` was asked before."""
    tenant = models.FieldCondition(key=TENANT, match=models.MatchValue(value=str(tenant_id)))
    must: list[models.Condition] = [tenant]
    if selector is not None:
        for field, ids in ((SOURCE, selector.source_ids), (DOCUMENT, selector.document_ids)):
            if ids is not None:
                any_of = models.MatchAny(any=[str(value) for value in ids])
                must.append(models.FieldCondition(key=field, match=any_of))
        if selector.point_ids is not None:
            must.append(models.HasIdCondition(has_id=[str(id_) for id_ in selector.point_ids]))
    return models.Filter(must=must)


def prefetches(tenant_id: UUID, where: models.Filter, query: VectorQuery) -> list[models.Prefetch]:
    candidates = max(CANDIDATES, query.limit)
    dense = models.Prefetch(query=query.dense.tolist(), using=DENSE, filter=where, limit=candidates)
    if not query.sparse.indices:
        return [dense]
    # A tenant's rare words are judged by its own points, and tell nothing of others'.
    own = models.SearchParams(idf=models.IdfCorpusParams(corpus=where_of(tenant_id)))
    sparse = models.Prefetch(
        query=sparse_of(query.sparse), using=SPARSE, filter=where, params=own, limit=candidates
    )
    return [dense, sparse]
