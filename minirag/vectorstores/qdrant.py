"""``QdrantStore``: a Qdrant server or cluster over HTTP.

Importing this module is cheap: qdrant-client costs 1.5 s and 90 MB, so it comes in with the first
call. Nothing is retried here; a failed call is told to the caller, who has a job to retry.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from minirag.errors import RetrievalUnavailable
from minirag.types import (
    Point,
    PointSelector,
    StoredPoint,
    StoredVectors,
    StoreHit,
    VectorQuery,
    VectorSpace,
)
from minirag.vectorstores.points import (
    UPSERT_BATCH,
    batches,
    best_first,
    check_points,
    check_query,
    hit_of,
    selects_nothing,
)

if TYPE_CHECKING:
    from minirag.vectorstores.qdrant_wire import Wire


class QdrantStore:
    """``VectorStore`` at ``url``. ``timeout`` in whole seconds bounds each connect, write and read.

    Every write waits until the server has applied it. IDF per tenant needs a server of 1.19 or
    later; before that a word's rarity is that of the whole collection.
    """

    def __init__(self, url: str, api_key: str = "", *, timeout: int = 10) -> None:
        self._url = url
        self._api_key = api_key
        self._timeout = timeout
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._closed = False

    def ensure_collection(self, space: VectorSpace) -> None:
        self._connected().ensure_collection(space.collection, space.dimensions)

    def upsert(self, space: VectorSpace, tenant_id: UUID, points: Sequence[Point]) -> None:
        check_points(space, points)
        wire = self._connected()
        for batch in batches(points, UPSERT_BATCH):
            wire.upsert(space.collection, tenant_id, batch)

    def search(self, space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[StoreHit]:
        check_query(space, query)
        if not query.source_ids or query.limit < 1:
            return []
        wire = self._connected()
        found = wire.hybrid(space.collection, tenant_id, query)
        if not found:
            return []
        # A dense query over the hits: a tenth of the bytes that their vectors would be.
        ids = [str(point.id) for point in found]
        near = wire.nearest(space.collection, tenant_id, query.dense, ids)
        cosine = {str(point.id): point.score for point in near}
        return best_first(
            hit_of(tenant_id, point.id, point.payload, point.score, cosine[str(point.id)])
            for point in found
            if str(point.id) in cosine  # deleted between the two queries
        )

    def delete(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> None:
        if not selects_nothing(selector):
            self._connected().delete(space.collection, tenant_id, selector)

    def count(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> int:
        if selects_nothing(selector):
            return 0
        return self._connected().count(space.collection, tenant_id, selector)

    def scroll_ids(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[UUID]:
        if not selects_nothing(selector):
            yield from self._connected().scroll_ids(space.collection, tenant_id, selector)

    def scroll(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[StoredPoint]:
        if not selects_nothing(selector):
            yield from self._connected().scroll(space.collection, tenant_id, selector)

    def vectors(
        self, space: VectorSpace, tenant_id: UUID, point_ids: Sequence[UUID]
    ) -> Mapping[UUID, StoredVectors]:
        wire, found = self._connected(), {}
        for batch in batches(point_ids, UPSERT_BATCH):
            found.update(wire.vectors(space.collection, tenant_id, batch))
        return found

    def drop_empty(self, space: VectorSpace) -> bool:
        """Never: the server compacts by itself, and another process may just begin to write."""
        return False

    def ping(self) -> None:
        self._connected().ping()

    def close(self) -> None:
        """Close the connections. Once is enough, twice is no error."""
        with self._lock:
            self._closed = True
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _connected(self) -> Wire:
        with self._lock:
            if self._closed:
                raise RetrievalUnavailable("The vector store is closed.")
            if self._wire is None:
                # 1.5 s and 90 MB that the embedded shape never needs.
                from minirag.vectorstores.qdrant_wire import Wire  # noqa: PLC0415

                self._wire = Wire(self._url, self._api_key, self._timeout)
            return self._wire
