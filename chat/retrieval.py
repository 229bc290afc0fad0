"""Question to passages: the store proposes, the database disposes. Shared by search and chat."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings

from chat.calls import CallOwner
from chat.evidence import evidence
from minirag import sparse, wiring
from minirag.connections import release_connections
from minirag.errors import RetrievalUnavailable
from minirag.protocols import Embedder
from minirag.providers.dimensions import check_dimensions
from minirag.types import Passage, StoreHit, TokenUsage, Vector, VectorQuery, VectorSpace
from sources.models import Chunk
from tenants.models import Tenant
from usage import ledger
from usage.models import UsageKind

log = logging.getLogger(__name__)

REPAIR = "run manage.py fsck_vectors --repair"
# The most hits ever asked of the store at once.
_FETCH_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages, best first, numbered from 1; how well they support the query (0 to 1)."""

    passages: tuple[Passage, ...]
    evidence: float
    embedding_model: str


def retrieve(
    tenant: Tenant,
    source_ids: Sequence[UUID],
    query: str,
    limit: int,
    *,
    bot_profile_id: UUID | None = None,
    message_id: UUID | None = None,
) -> Retrieved:
    """At most ``limit`` passages of these sources for ``query``. Blocking.

    Each document shows its old version whole or its new version whole. Raises
    ``RetrievalUnavailable``, ``QuotaExceeded`` and what the tenant's embedder raises, also where
    its vector does not fit the index.
    """
    nothing = Retrieved((), 0.0, tenant.embedding_model)
    if not source_ids or tenant.index_dimensions is None:
        return nothing
    embedder = wiring.embedder(tenant.embedding_model, tenant.embedding_credentials)
    dense = embed_query(embedder, query, CallOwner(tenant.pk, bot_profile_id, message_id))
    space = VectorSpace(tenant.embedding_model, tenant.index_dimensions, tenant.index_version)
    check_dimensions(space, len(dense))
    wanted = VectorQuery(dense, sparse.encode_query(query), tuple(source_ids), limit)
    passages = _without_repeats(_search(space, tenant.pk, wanted))[:limit]
    numbered = tuple(replace(one, marker=place) for place, one in enumerate(passages, start=1))
    return replace(nothing, passages=numbered, evidence=evidence(query, numbered))


def embed_query(embedder: Embedder, query: str, owner: CallOwner) -> Vector:
    """The query's vector, shape (dimensions,), metered on ``owner``'s account."""
    estimate = TokenUsage(embedder.count_tokens(query), estimated=True)
    with ledger.metered(
        tenant_id=owner.tenant_id,
        kind=UsageKind.EMBEDDING,
        model=embedder.model,
        estimate=estimate,
        bot_profile_id=owner.bot_profile_id,
        message_id=owner.message_id,
    ) as meter:
        release_connections()  # none is held while the provider is waited for
        embedded = embedder.embed([query], purpose="query")
        meter.report(embedded.usage)
    vector: Vector = embedded.vectors[0]
    return vector


def _search(space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[Passage]:
    """Search, re-read, and look again where the index was ahead of or behind the rows.

    A point whose row names another point belongs to a version that is not the live one. Where such
    points came up, a document may just have been replaced between the two reads: its new points
    are found by the next look. Same points twice: nothing moved any more.
    """
    store = wiring.vector_store()
    fetch = min(query.limit * settings.MINIRAG_SEARCH_OVERFETCH, _FETCH_LIMIT)
    seen: frozenset[UUID] = frozenset()
    live: list[Passage] = []
    hits: Sequence[StoreHit] = ()
    for _ in range(settings.MINIRAG_SEARCH_TRIES):
        hits = store.search(space, tenant_id, replace(query, limit=fetch))
        live, dropped = _dispose(hits, query.source_ids)
        points = frozenset(hit.point_id for hit in hits)
        starved = len(live) < query.limit and len(hits) >= fetch < _FETCH_LIMIT
        if not starved and (not dropped or points == seen):
            break
        seen = points
        fetch = min(fetch * 4, _FETCH_LIMIT) if starved else fetch
    if not hits:
        return _unless_lost(space, tenant_id, query)
    return live


def _unless_lost(space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[Passage]:
    """Nothing was near: then there is nothing, or the store has lost it.

    Nearness has no limit and points come before their rows, so chunk rows without any hit mean a
    collection that is missing or empty. That is no answer, least of all "nothing is known".
    """
    rows = Chunk.objects.filter(
        source_id__in=query.source_ids,
        source__deleted_at__isnull=True,
        document__deleted_at__isnull=True,
    )
    if not rows.exists():
        return []
    # They may have come between the two reads.
    hits = wiring.vector_store().search(space, tenant_id, query)
    if not hits and rows.exists():
        log.error("tenant %s: %s holds none of its points; %s", tenant_id, space.collection, REPAIR)
        raise RetrievalUnavailable("The search index has lost this content and must be repaired.")
    return _dispose(hits, query.source_ids)[0]


def _dispose(hits: Sequence[StoreHit], source_ids: Sequence[UUID]) -> tuple[list[Passage], bool]:
    """The hits that the rows confirm, as passages; whether any was of a version not live."""
    rows: dict[UUID, Chunk] = {
        chunk.pk: chunk
        for chunk in Chunk.objects.filter(
            pk__in={hit.chunk_id for hit in hits},
            source_id__in=source_ids,
            source__deleted_at__isnull=True,
            document__deleted_at__isnull=True,
        )
        .select_related("document")
        # A document's whole text may be megabytes; a passage needs its own only.
        .defer("document__text", "document__error")
    }
    found: dict[UUID, Passage] = {}
    dropped = False
    for hit in hits:
        chunk = rows.get(hit.chunk_id)
        if chunk is None or chunk.qdrant_point_id != hit.point_id:
            dropped = True
        elif chunk.enabled:
            found.setdefault(chunk.pk, _passage(chunk, hit))
    return list(found.values()), dropped


def _passage(chunk: Chunk, hit: StoreHit) -> Passage:
    document = chunk.document
    return Passage(
        marker=0,
        chunk_id=chunk.pk,
        document_id=chunk.document_id,
        source_id=chunk.source_id,
        title=document.title or document.key,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        score=hit.score,
        cosine=hit.cosine,
        page=chunk.page,
        page_breaks=tuple((start, number) for start, number in chunk.page_breaks),
        heading_path=tuple(chunk.heading_path),
        url=document.url or None,
        metadata=dict(document.metadata),
    )


def _without_repeats(passages: Sequence[Passage]) -> list[Passage]:
    """Without passages that mostly repeat a better one of the same document (overlapping cuts)."""
    kept: list[Passage] = []
    for passage in passages:
        if not any(_mostly_within(passage, better) for better in kept):
            kept.append(passage)
    return kept


def _mostly_within(passage: Passage, other: Passage) -> bool:
    if passage.document_id != other.document_id:
        return False
    shared = min(passage.end, other.end) - max(passage.start, other.start)
    return shared > 0.5 * (passage.end - passage.start)
