"""The calls of qdrant-client that ``QdrantStore`` needs, and the table of its exceptions."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from minirag.errors import ErrorCode, MiniRAGError, RetrievalUnavailable
from minirag.types import (
    Point,
    PointSelector,
    StoredPoint,
    StoredVectors,
    Vector,
    VectorQuery,
)
from minirag.vectorstores.points import (
    CHUNK,
    DENSE,
    DOCUMENT,
    INDEXED,
    SCROLL_PAGE,
    SPARSE,
    TENANT,
    stored_point,
)
from minirag.vectorstores.qdrant_values import (
    prefetches,
    record_of,
    replaceable,
    vectors_of,
    where_of,
)

logger = logging.getLogger(__name__)

# Asked of the server too, so that a mistake of ours is refused there and not merely slow.
STRICT = models.StrictModeConfig(
    enabled=True,
    max_query_limit=10 * SCROLL_PAGE,
    unindexed_filtering_retrieve=False,
    unindexed_filtering_update=False,
)
# What the client raises beside its own: assertions on an empty result, ValueError on unparseable
# text, plain httpx errors where it forgets to wrap them.
VENDOR_ERRORS = (
    ApiException,
    ResourceExhaustedResponse,
    httpx.HTTPError,
    AssertionError,
    ValueError,
)
# Refusals of a request as such. All else (timeouts, resets, 401, 5xx, nonsense) is an outage.
OUR_FAULT = frozenset({400, 409, 413, 422})


@contextmanager
def translated() -> Iterator[None]:
    """The table: what the client raises to errors of the contract. The vendor's text is logged."""
    try:
        yield
    except ResourceExhaustedResponse as exc:
        raise RetrievalUnavailable(retry_after=float(exc.retry_after_s)) from exc
    except VENDOR_ERRORS as exc:
        logger.warning("The Qdrant server failed: %s: %.500s", type(exc).__name__, exc)
        if isinstance(exc, UnexpectedResponse) and exc.status_code in OUR_FAULT:
            raise MiniRAGError(code=ErrorCode.INTERNAL) from exc
        raise RetrievalUnavailable from exc


def _is_missing(exc: UnexpectedResponse) -> bool:
    return exc.status_code == 404


class Wire:
    """One connection pool. Every call names the tenant in a ``must`` at the top of its filter."""

    def __init__(self, url: str, api_key: str, timeout: int) -> None:
        with warnings.catch_warnings():
            # A key over plain HTTP inside a private network is the operator's choice; the
            # deployment check says so once, instead of this at each start.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure")
            self._client = QdrantClient(
                url=url,
                api_key=api_key or None,
                timeout=timeout,
                prefer_grpc=False,
                check_compatibility=False,  # it would call the server from the constructor
                trust_env=False,  # no proxy of the environment between us and the store
            )

    def ensure_collection(self, name: str, dimensions: int) -> None:
        """Create what is missing; two workers may do so at once."""
        with translated():
            if not self._client.collection_exists(name):
                self._create(name, dimensions)
            present = self._client.get_collection(name).payload_schema
            for field in INDEXED:
                if field not in present:
                    self._client.create_payload_index(
                        name,
                        field_name=field,
                        field_schema=models.UuidIndexParams(
                            type=models.UuidIndexType.UUID, is_tenant=field == TENANT
                        ),
                        wait=True,
                    )

    def _create(self, name: str, dimensions: int) -> None:
        dense = models.VectorParams(size=dimensions, distance=models.Distance.COSINE)
        sparse = models.SparseVectorParams(modifier=models.Modifier.IDF)
        try:
            self._client.create_collection(
                name,
                vectors_config={DENSE: dense},
                sparse_vectors_config={SPARSE: sparse},
                strict_mode_config=STRICT,
            )
        except UnexpectedResponse:
            if not self._client.collection_exists(name):
                raise

    def upsert(self, name: str, tenant_id: UUID, points: Sequence[Point]) -> None:
        """``update_filter``: nobody replaces another tenant's point, whatever its id."""
        records = [record_of(tenant_id, point) for point in points]
        with translated():
            self._client.upsert(name, records, wait=True, update_filter=replaceable(tenant_id))

    def hybrid(self, name: str, tenant_id: UUID, query: VectorQuery) -> list[models.ScoredPoint]:
        where = where_of(tenant_id, PointSelector(source_ids=query.source_ids))
        with translated():
            try:
                return self._client.query_points(
                    name,
                    prefetch=prefetches(tenant_id, where, query),
                    query=models.FusionQuery(fusion=models.Fusion.DBSF),
                    query_filter=where,
                    limit=query.limit,
                    with_payload=[TENANT, DOCUMENT, CHUNK],
                ).points
            except UnexpectedResponse as exc:
                if _is_missing(exc):
                    return []
                raise

    def nearest(
        self, name: str, tenant_id: UUID, dense: Vector, ids: Sequence[str]
    ) -> list[models.ScoredPoint]:
        where = where_of(tenant_id, PointSelector(point_ids=[UUID(id_) for id_ in ids]))
        with translated():
            return self._client.query_points(
                name,
                query=dense.tolist(),
                using=DENSE,
                query_filter=where,
                limit=len(ids),
                with_payload=False,
            ).points

    def delete(self, name: str, tenant_id: UUID, selector: PointSelector) -> None:
        points = models.FilterSelector(filter=where_of(tenant_id, selector))
        with translated():
            try:
                self._client.delete(name, points_selector=points, wait=True)
            except UnexpectedResponse as exc:
                if not _is_missing(exc):
                    raise

    def count(self, name: str, tenant_id: UUID, selector: PointSelector) -> int:
        with translated():
            try:
                where = where_of(tenant_id, selector)
                return self._client.count(name, count_filter=where, exact=True).count
            except UnexpectedResponse as exc:
                if _is_missing(exc):
                    return 0
                raise

    def scroll_ids(self, name: str, tenant_id: UUID, selector: PointSelector) -> Iterator[UUID]:
        for page in self._pages(name, where_of(tenant_id, selector), with_payload=False):
            yield from (UUID(str(record.id)) for record in page)

    def scroll(self, name: str, tenant_id: UUID, selector: PointSelector) -> Iterator[StoredPoint]:
        for page in self._pages(name, where_of(tenant_id, selector), with_payload=True):
            yield from (stored_point(record.id, record.payload) for record in page)

    def vectors(
        self, name: str, tenant_id: UUID, point_ids: Sequence[UUID]
    ) -> dict[UUID, StoredVectors]:
        where = where_of(tenant_id, PointSelector(point_ids=point_ids))
        page, _ = self._page(name, where, None, limit=len(point_ids), with_vectors=True)
        found = {UUID(str(record.id)): vectors_of(record.vector) for record in page}
        return {id_: vectors for id_, vectors in found.items() if vectors is not None}

    def _pages(
        self, name: str, where: models.Filter, *, with_payload: bool
    ) -> Iterator[list[models.Record]]:
        offset: models.ExtendedPointId | None = None
        while True:
            page, offset = self._page(name, where, offset, with_payload=with_payload)
            yield page
            if offset is None:
                return

    def _page(
        self,
        name: str,
        where: models.Filter,
        offset: models.ExtendedPointId | None,
        *,
        limit: int = SCROLL_PAGE,
        with_payload: bool = False,
        with_vectors: bool = False,
    ) -> tuple[list[models.Record], models.ExtendedPointId | None]:
        with translated():
            try:
                return self._client.scroll(
                    name,
                    scroll_filter=where,
                    limit=limit,
                    offset=offset,
                    with_payload=with_payload,
                    with_vectors=with_vectors,
                )
            except UnexpectedResponse as exc:
                if _is_missing(exc):
                    return [], None
                raise

    def ping(self) -> None:
        """A call that needs the key, so that a wrong one is seen here."""
        with translated():
            self._client.get_collections()

    def close(self) -> None:
        self._client.close()
