"""``EdgeStore``: Qdrant's engine inside this process, one shard of all tenants per vector space.

The engine never releases the GIL and takes no search after a fork: calls are kept small and shards
open at first use. ``optimize()`` is never called (it stops every thread for seconds); brute force
under a tenant filter is fast enough to hundreds of thousands of points.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import qdrant_edge as engine

from minirag.errors import RetrievalUnavailable, Unavailable
from minirag.types import (
    Point,
    PointSelector,
    StoredPoint,
    StoredVectors,
    StoreHit,
    VectorQuery,
    VectorSpace,
)
from minirag.vectorstores.edge_values import (
    cosines,
    hybrid,
    record_of,
    replaceable,
    vectors_of,
    where_of,
)
from minirag.vectorstores.holder import Holder
from minirag.vectorstores.points import (
    DENSE,
    INDEXED,
    SCROLL_PAGE,
    SPARSE,
    TENANT,
    UPSERT_BATCH,
    batches,
    best_first,
    check_points,
    check_query,
    hit_of,
    selects_nothing,
    stored_point,
)

logger = logging.getLogger(__name__)


class EdgeStore:
    """``VectorStore`` in the folder ``path``, for one process; a second gets ``Unavailable``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder = Holder(path)
        self._lock = threading.Lock()
        self._shards: dict[str, engine.EdgeShard] = {}
        self._pid: int | None = None
        self._closed = False

    # --- VectorStore ---------------------------------------------------------------------------

    def ensure_collection(self, space: VectorSpace) -> None:
        self._shard(space, create=True)

    def upsert(self, space: VectorSpace, tenant_id: UUID, points: Sequence[Point]) -> None:
        """Costs one fsync round (about 10 ms) per call, so hand over a document at a time."""
        check_points(space, points)
        shard = self._shard(space)
        if shard is None:
            raise RetrievalUnavailable("The index of this embedding model does not exist yet.")
        own = replaceable(tenant_id)
        with _engine_errors():
            for batch in batches(points, UPSERT_BATCH):
                records = [record_of(tenant_id, point) for point in batch]
                # The condition: nobody replaces another tenant's point, whatever its id.
                shard.update(engine.UpdateOperation.upsert_points(records, condition=own))
            shard.flush()

    def search(self, space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[StoreHit]:
        check_query(space, query)
        shard = self._shard(space)
        if shard is None or not query.source_ids or query.limit < 1:
            return []
        with _engine_errors():
            found = shard.query(hybrid(tenant_id, query))
            if not found:
                return []
            ids = [UUID(str(point.id)) for point in found]
            near = shard.query(cosines(tenant_id, query, ids))
        cosine = {point.id: point.score for point in near}
        return best_first(
            hit_of(tenant_id, point.id, point.payload, point.score, cosine[point.id])
            for point in found
            if point.id in cosine  # deleted between the two queries
        )

    def delete(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> None:
        shard = self._shard(space)
        if shard is None or selects_nothing(selector):
            return
        with _engine_errors():
            where = where_of(tenant_id, selector)
            shard.update(engine.UpdateOperation.delete_points_by_filter(where))
            shard.flush()

    def count(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> int:
        shard = self._shard(space)
        if shard is None or selects_nothing(selector):
            return 0
        with _engine_errors():
            where = where_of(tenant_id, selector)
            return shard.count(engine.CountRequest(exact=True, filter=where))

    def scroll_ids(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[UUID]:
        shard = self._shard(space)
        if shard is None or selects_nothing(selector):
            return
        where = where_of(tenant_id, selector)
        for page in _pages(shard, where, with_payload=False):
            yield from (UUID(str(record.id)) for record in page)

    def scroll(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[StoredPoint]:
        shard = self._shard(space)
        if shard is None or selects_nothing(selector):
            return
        for page in _pages(shard, where_of(tenant_id, selector), with_payload=True):
            yield from (stored_point(record.id, record.payload) for record in page)

    def vectors(
        self, space: VectorSpace, tenant_id: UUID, point_ids: Sequence[UUID]
    ) -> Mapping[UUID, StoredVectors]:
        shard = self._shard(space)
        found: dict[UUID, StoredVectors] = {}
        for batch in batches(point_ids, UPSERT_BATCH) if shard is not None else ():
            where = where_of(tenant_id, PointSelector(point_ids=batch))
            request = engine.ScrollRequest(
                limit=len(batch), filter=where, with_payload=False, with_vector=True
            )
            assert shard is not None
            with _engine_errors():
                records, _ = shard.scroll(request)
            for record in records:
                vectors = vectors_of(record.vector)
                if vectors is not None:
                    found[UUID(str(record.id))] = vectors
        return found

    def drop_empty(self, space: VectorSpace) -> bool:
        """Removes the folder. The engine never gives back what a replaced point took up."""
        shard = self._shard(space)
        if shard is None:
            return False
        with self._lock, _engine_errors():
            if shard.count(engine.CountRequest(exact=True)):
                return False
            self._shards.pop(space.collection, None)
            shard.close()
            # Renamed first, so that a kill in between leaves no half collection.
            doomed = self._path / f"{space.collection}.new"
            shutil.rmtree(doomed, ignore_errors=True)
            (self._path / space.collection).rename(doomed)
            _fsync(self._path)
            shutil.rmtree(doomed)
        return True

    def ping(self) -> None:
        with self._lock:
            self._take_folder()

    def close(self) -> None:
        """Flush and release every shard and the folder. Once is enough, twice is no error."""
        with self._lock:
            self._closed = True
            shards, self._shards = self._shards, {}
            if self._pid == os.getpid():
                with _engine_errors():
                    for shard in shards.values():
                        shard.flush()
                        shard.close()
            self._holder.release()

    # --- shards --------------------------------------------------------------------------------

    def _shard(self, space: VectorSpace, *, create: bool = False) -> engine.EdgeShard | None:
        """The open shard of ``space``; None where there is none and none is wanted."""
        with self._lock:
            self._take_folder()
            shard = self._shards.get(space.collection)
            if shard is None:
                shard = self._open(space, create)
                if shard is not None:
                    self._shards[space.collection] = shard
            return shard

    def _take_folder(self) -> None:
        if self._closed:
            raise RetrievalUnavailable("The vector store is closed.")
        if self._pid not in (None, os.getpid()):
            # The engine would hang here: its threads stayed behind in the parent.
            raise Unavailable("The vector store was opened before a fork; open it in the child.")
        self._holder.take()
        self._pid = os.getpid()

    def _open(self, space: VectorSpace, create: bool) -> engine.EdgeShard | None:
        folder = self._path / space.collection
        with _engine_errors():
            if folder.is_dir():
                return engine.EdgeShard.load(str(folder))
            if not create:
                return None
            # Built aside and renamed, so that a kill in between leaves no half collection.
            unfinished = self._path / f"{space.collection}.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            _create(unfinished, space)
            unfinished.rename(folder)
            _fsync(self._path)
            return engine.EdgeShard.load(str(folder))


def _create(folder: Path, space: VectorSpace) -> None:
    folder.mkdir()
    dense = engine.EdgeVectorParams(size=space.dimensions, distance=engine.Distance.Cosine)
    sparse = engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf)
    config = engine.EdgeConfig(vectors={DENSE: dense}, sparse_vectors={SPARSE: sparse})
    shard = engine.EdgeShard.create(str(folder), config)
    for field in INDEXED:
        params = engine.UuidIndexParams(is_tenant=field == TENANT)
        shard.update(engine.UpdateOperation.create_field_index(field, params))
    shard.flush()
    shard.close()


def _fsync(folder: Path) -> None:
    """Make a rename in ``folder`` outlive a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pages(
    shard: engine.EdgeShard, where: engine.Filter, *, with_payload: bool
) -> Iterator[list[engine.Record]]:
    """Records that ``where`` meets, page by page."""
    offset: engine.PointId | None = None
    while True:
        request = engine.ScrollRequest(
            offset=offset,
            limit=SCROLL_PAGE,
            filter=where,
            with_payload=with_payload,
            with_vector=False,
        )
        with _engine_errors():
            records, offset = shard.scroll(request)
        yield records
        if offset is None:
            return


@contextmanager
def _engine_errors() -> Iterator[None]:
    """The whole table: the engine raises bare ``Exception`` for everything."""
    try:
        yield
    except Exception as exc:
        logger.exception("The embedded vector store failed")
        raise RetrievalUnavailable from exc
