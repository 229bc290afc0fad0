"""``MemoryStore``: the reference. Brute force over plain dicts, easy to believe.

DBSF as the engine does it: each list's scores are mapped so that mean ± 3 standard deviations
become 1 and 0, a list without spread counts 0.5, and a point's scores add up.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np

from minirag.errors import RetrievalUnavailable
from minirag.types import (
    Point,
    PointSelector,
    StoredPoint,
    StoredVectors,
    StoreHit,
    Vector,
    VectorQuery,
    VectorSpace,
)
from minirag.vectorstores.points import CANDIDATES, best_first, check_points, check_query

Scores = dict[UUID, float]


class MemoryStore:
    """``VectorStore`` that forgets everything at ``close``. For tests and comparison."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collections: dict[str, dict[UUID, tuple[UUID, Point]]] | None = {}

    def ensure_collection(self, space: VectorSpace) -> None:
        with self._lock:
            self._open().setdefault(space.collection, {})

    def upsert(self, space: VectorSpace, tenant_id: UUID, points: Sequence[Point]) -> None:
        check_points(space, points)
        with self._lock:
            collection = self._open().get(space.collection)
            if collection is None:
                raise RetrievalUnavailable("The index of this embedding model does not exist yet.")
            for point in points:
                if collection.get(point.id, (tenant_id, None))[0] == tenant_id:
                    collection[point.id] = (tenant_id, point)

    def search(self, space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[StoreHit]:
        check_query(space, query)
        own = self._points(space, tenant_id, PointSelector())
        sources = set(query.source_ids)
        wanted = {id_: point for id_, point in own.items() if point.source_id in sources}
        cosines = {id_: _cosine(query.dense, point.dense) for id_, point in wanted.items()}
        lists = [cosines, _bm25(query, wanted, own)]
        candidates = max(CANDIDATES, query.limit)
        fused = _dbsf([_top(scores, candidates) for scores in lists if scores])
        return best_first(
            StoreHit(id_, wanted[id_].chunk_id, wanted[id_].document_id, score, cosines[id_])
            for id_, score in _top(fused, max(0, query.limit)).items()
        )

    def delete(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> None:
        doomed = self._points(space, tenant_id, selector)
        with self._lock:
            collection = self._open().get(space.collection, {})
            for point_id in doomed:
                collection.pop(point_id, None)

    def count(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> int:
        return len(self._points(space, tenant_id, selector))

    def scroll_ids(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[UUID]:
        yield from sorted(self._points(space, tenant_id, selector))

    def scroll(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[StoredPoint]:
        for id_, point in sorted(self._points(space, tenant_id, selector).items()):
            yield StoredPoint(id_, point.chunk_id, point.document_id, point.source_id)

    def vectors(
        self, space: VectorSpace, tenant_id: UUID, point_ids: Sequence[UUID]
    ) -> Mapping[UUID, StoredVectors]:
        held = self._points(space, tenant_id, PointSelector(point_ids=point_ids))
        return {id_: StoredVectors(point.dense, point.sparse) for id_, point in held.items()}

    def drop_empty(self, space: VectorSpace) -> bool:
        with self._lock:
            collections = self._open()
            if collections.get(space.collection) != {}:
                return False
            del collections[space.collection]
            return True

    def ping(self) -> None:
        self._open()

    def close(self) -> None:
        with self._lock:
            self._collections = None

    def _open(self) -> dict[str, dict[UUID, tuple[UUID, Point]]]:
        if self._collections is None:
            raise RetrievalUnavailable("The vector store is closed.")
        return self._collections

    def _points(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> dict[UUID, Point]:
        with self._lock:
            collection = self._open().get(space.collection, {})
            return {
                point.id: point
                for owner, point in collection.values()
                if owner == tenant_id and _selected(point, selector)
            }


def _selected(point: Point, selector: PointSelector) -> bool:
    conditions = (
        (point.source_id, selector.source_ids),
        (point.document_id, selector.document_ids),
        (point.id, selector.point_ids),
    )
    return all(ids is None or value in ids for value, ids in conditions)


def _cosine(a: Vector, b: Vector) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


def _bm25(query: VectorQuery, wanted: Mapping[UUID, Point], own: Mapping[UUID, Point]) -> Scores:
    """Sum of weight × IDF over the shared terms, of the points that share any."""
    having = Counter(index for point in own.values() for index in point.sparse.indices)
    factors = {
        index: value * _idf(len(own), having[index])
        for index, value in zip(query.sparse.indices, query.sparse.values, strict=True)
    }
    scores: Scores = {}
    for id_, point in wanted.items():
        weights = zip(point.sparse.indices, point.sparse.values, strict=True)
        shared = [factors[index] * weight for index, weight in weights if index in factors]
        if shared:
            scores[id_] = sum(shared)
    return scores


def _idf(total: int, having: int) -> float:
    return math.log(1 + (total - having + 0.5) / (having + 0.5))


def _top(scores: Scores, limit: int) -> Scores:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit])


def _dbsf(lists: Sequence[Scores]) -> Scores:
    """Mazzeschi, "Distribution-Based Score Fusion", 2023, as Qdrant has it."""
    fused: Scores = {}
    for scores in lists:
        values = np.array(list(scores.values()))
        spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        low, width = float(values.mean()) - 3 * spread, 6 * spread
        for id_, score in scores.items():
            fused[id_] = fused.get(id_, 0.0) + ((score - low) / width if width else 0.5)
    return fused
