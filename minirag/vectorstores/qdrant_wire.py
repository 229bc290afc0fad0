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
from minirag.types import Point, PointSelector, SparseVector, Vector, VectorQuery
from minirag.vectorstores.points import (
    CANDIDATES,
    CHUNK,
    DENSE,
    DOCUMENT,
    INDEXED,
    SCROLL_PAGE,
    SOURCE,
    SPARSE,
    TENANT,
    payload_of,
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
        records = [_record(tenant_id, point) for point in points]
        with translated():
            self._client.upsert(name, records, wait=True, update_filter=_filter(tenant_id))

    def hybrid(self, name: str, tenant_id: UUID, query: VectorQuery) -> list[models.ScoredPoint]:
        where = _filter(tenant_id, PointSelector(source_ids=query.source_ids))
        with translated():
            try:
                return self._client.query_points(
                    name,
                    prefetch=_prefetches(tenant_id, where, query),
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
        where = _filter(tenant_id, PointSelector(point_ids=[UUID(id_) for id_ in ids]))
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
        points = models.FilterSelector(filter=_filter(tenant_id, selector))
        with translated():
            try:
                self._client.delete(name, points_selector=points, wait=True)
            except UnexpectedResponse as exc:
                if not _is_missing(exc):
                    raise

    def count(self, name: str, tenant_id: UUID, selector: PointSelector) -> int:
        with translated():
            try:
                where = _filter(tenant_id, selector)
                return self._client.count(name, count_filter=where, exact=True).count
            except UnexpectedResponse as exc:
                if _is_missing(exc):
                    return 0
                raise

    def scroll_ids(self, name: str, tenant_id: UUID, selector: PointSelector) -> Iterator[UUID]:
        where, offset = _filter(tenant_id, selector), None
        while True:
            ids, offset = self._page(name, where, offset)
            yield from ids
            if offset is None:
                return

    def _page(
        self, name: str, where: models.Filter, offset: models.ExtendedPointId | None
    ) -> tuple[list[UUID], models.ExtendedPointId | None]:
        with translated():
            try:
                records, following = self._client.scroll(
                    name,
                    scroll_filter=where,
                    limit=SCROLL_PAGE,
                    offset=offset,
                    with_payload=False,
                    with_vectors=False,
                )
                return [UUID(str(record.id)) for record in records], following
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


def _record(tenant_id: UUID, point: Point) -> models.PointStruct:
    return models.PointStruct(
        id=str(point.id),
        vector={DENSE: point.dense.tolist(), SPARSE: _sparse(point.sparse)},
        payload=payload_of(tenant_id, point),
    )


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def _filter(tenant_id: UUID, selector: PointSelector | None = None) -> models.Filter:
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


def _prefetches(tenant_id: UUID, where: models.Filter, query: VectorQuery) -> list[models.Prefetch]:
    candidates = max(CANDIDATES, query.limit)
    dense = models.Prefetch(query=query.dense.tolist(), using=DENSE, filter=where, limit=candidates)
    if not query.sparse.indices:
        return [dense]
    # A tenant's rare words are judged by its own points, and tell nothing of others'.
    own = models.SearchParams(idf=models.IdfCorpusParams(corpus=_filter(tenant_id)))
    sparse = models.Prefetch(
        query=_sparse(query.sparse), using=SPARSE, filter=where, params=own, limit=candidates
    )
    return [dense, sparse]
