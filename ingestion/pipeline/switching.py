"""The moment in which a new index takes over: looked at first, then one transaction."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from ingestion.chunking import embedding_text
from ingestion.clock import database_now
from ingestion.leases import Cancelled, JobRun
from ingestion.models import BuildState, IndexBuild
from ingestion.pipeline.index import Index
from minirag.errors import MiniRAGError, ProviderMisconfigured, RetrievalUnavailable
from minirag.sparse import encode_query
from minirag.types import Credentials, PointSelector, TokenUsage, VectorQuery
from sources.models import Chunk
from tenants.models import Tenant
from usage import ledger
from usage.models import UsageKind

# Chunks whose own text must find them in the new index.
_SAMPLES = 8
_NEIGHBOURS = 20
# A question that began before the switch may still ask the old index.
_LEAST_KEPT = timedelta(minutes=15)


def check_new_index(run: JobRun, index: Index, live: QuerySet[Chunk]) -> None:
    """Compare counts and a sample of searches. Raises where the index must not take over.

    While the tenant's jobs stand still only deletions change anything, and they take rows first.
    """
    rows = live.count()
    everything = partial(index.store.count, index.space, index.tenant_id, PointSelector())
    points = run.call(everything)
    if points < rows or rows != live.count():
        raise RetrievalUnavailable(f"The new index has {points} points for {rows} chunks.")
    samples = _samples(live)
    tried = _embedded(run, index, samples) if samples else []
    if not all(_finds_itself(run, index, row, query) for row, query in tried):
        raise MiniRAGError("The new index does not find its own texts; the old one stays.")


def _samples(live: QuerySet[Chunk]) -> list[Chunk]:
    """A few chunks, spread over all: ids are as good as random."""
    found: dict[UUID, Chunk] = {}
    for part in range(_SAMPLES):
        place = UUID(int=part * (2**128 // _SAMPLES))
        row = live.order_by("pk").filter(pk__gte=place).first()
        if row is not None:
            found[row.pk] = row
    return list(found.values())


def _embedded(run: JobRun, index: Index, samples: list[Chunk]) -> list[tuple[Chunk, VectorQuery]]:
    """The samples' own texts as queries, metered like any call."""
    texts = [embedding_text(row.heading_path, row.text) for row in samples]
    tokens = sum(row.token_count for row in samples)
    with ledger.metered(
        tenant_id=index.tenant_id,
        kind=UsageKind.EMBEDDING,
        model=index.space.model,
        estimate=TokenUsage(tokens, estimated=True),
        ingest_job_id=run.job.pk,
    ) as meter:
        answer = run.call(partial(index.embedder.embed, texts, purpose="document"))
        meter.report(answer.usage)
    return [
        (row, VectorQuery(dense, encode_query(text), (row.source_id,), _NEIGHBOURS))
        for row, text, dense in zip(samples, texts, answer.vectors, strict=True)
    ]


def _finds_itself(run: JobRun, index: Index, row: Chunk, query: VectorQuery) -> bool:
    """Whether the chunk, or one that says the same, is among what its own text finds."""
    hits = run.call(partial(index.store.search, index.space, index.tenant_id, query))
    if any(hit.point_id == row.qdrant_point_id for hit in hits):
        return True
    same = Chunk.objects.filter(pk__in=[hit.chunk_id for hit in hits], text_hash=row.text_hash)
    return same.exists() or not Chunk.objects.filter(pk=row.pk).exists()


@transaction.atomic
def switch(run: JobRun, build_id: UUID) -> None:
    """The tenant's row names the new index from here on; the old one is kept for a while.

    A query reads model, credentials and space from that one row, so it asks one index or the other.
    """
    # The tenant's row first, as a request that changes the model does.
    tenant = Tenant.objects.select_for_update().get(pk=run.job.tenant_id)
    run.fence()
    build = (
        IndexBuild.objects.select_for_update()
        .filter(pk=build_id, state=BuildState.SWITCHING)
        .first()
    )
    if build is None:
        raise Cancelled
    _keep(tenant)
    tenant.embedding_model, tenant.embedding_credentials = build.model, build.credentials
    tenant.index_dimensions, tenant.index_version = build.dimensions, build.version
    tenant.save(
        update_fields=[
            "embedding_model",
            "embedding_credentials",
            "index_dimensions",
            "index_version",
            "updated_at",
        ]
    )
    build.state, build.was_live, build.kept_until, build.error = BuildState.LIVE, True, None, None
    build.credentials = build.set_aside = Credentials()  # they are the tenant's now
    build.done = build.total
    build.save()


def _keep(tenant: Tenant) -> None:
    """Remember the index that answered until now, with what a rollback needs."""
    try:
        credentials = tenant.embedding_credentials
    except ProviderMisconfigured:  # the key they were sealed with is lost: others can be set
        credentials = Credentials()
    now = database_now()
    old = IndexBuild.objects.filter(tenant_id=tenant.pk, state=BuildState.LIVE).first()
    old = old or IndexBuild(tenant_id=tenant.pk)
    old.model, old.credentials = tenant.embedding_model, credentials
    old.dimensions, old.version = tenant.index_dimensions, tenant.index_version
    old.state, old.was_live = BuildState.KEPT, True
    old.kept_until = now + max(timedelta(hours=settings.MINIRAG_INDEX_KEEP_HOURS), _LEAST_KEPT)
    old.save()
