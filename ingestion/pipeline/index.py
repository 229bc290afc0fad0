"""The tenant's index as one job sees it: space, embedder and store, opened once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings

from ingestion import pauses
from ingestion.chunking import ChunkSize
from ingestion.leases import JobRun
from ingestion.models import BuildState, IndexBuild
from minirag import wiring
from minirag.protocols import Embedder, VectorStore
from minirag.types import TokenUsage, VectorSpace
from tenants.models import Tenant
from tenants.selectors import vector_space
from usage import ledger
from usage.models import UsageKind

# Raised when the parsers or the splitter make something else of the same file.
_READING = 5
_PROBE = "dimensions"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the vectors of a tenant stand."""

    tenant_id: UUID
    space: VectorSpace
    store: VectorStore


@dataclass(frozen=True, slots=True)
class Index(Shelf):
    """Where the vectors of a tenant go, and who makes them."""

    embedder: Embedder
    size: ChunkSize
    # Embedding calls at a time.
    parallel: int

    @property
    def signature(self) -> str:
        """How a document is read and cut: kept on its row, compared later."""
        return f"{self.size.size}/{self.size.overlap}/{_READING}"


def open_index(run: JobRun) -> Index:
    """Know the model's dimensions (asking it the first time) and have the collection.

    Raises ``ProviderMisconfigured`` where the model's vectors do not fit the index that exists.
    """
    tenant = Tenant.objects.get(pk=run.job.tenant_id)
    pauses.use(run, tenant.embedding_model, tenant.embedding_credentials)
    embedder = wiring.embedder(tenant.embedding_model, tenant.embedding_credentials)
    dimensions = tenant.index_dimensions
    if dimensions is None:
        dimensions = ask_dimensions(run, embedder)
        Tenant.objects.filter(pk=tenant.pk, index_dimensions__isnull=True).update(
            index_dimensions=dimensions
        )
    space = VectorSpace(tenant.embedding_model, dimensions, tenant.index_version)
    return open_space(run, space, embedder, settings.MINIRAG_EMBED_PARALLEL)


def open_space(run: JobRun, space: VectorSpace, embedder: Embedder, parallel: int) -> Index:
    """The index of the job's tenant in ``space``; its collection is there afterwards."""
    store = wiring.vector_store()
    run.call(lambda: store.ensure_collection(space))
    return Index(run.job.tenant_id, space, store, embedder, _size(), parallel)


def peek_index(tenant_id: UUID) -> Index:
    """The index as a job would find it now. No provider is asked, nothing is made.

    ``space.dimensions`` is 0 where the model was never asked: then no vector stands yet either.
    """
    tenant = Tenant.objects.get(pk=tenant_id)
    embedder = wiring.embedder(tenant.embedding_model, tenant.embedding_credentials)
    space = vector_space(tenant) or VectorSpace(tenant.embedding_model, 0, tenant.index_version)
    parallel = settings.MINIRAG_EMBED_PARALLEL
    return Index(tenant.pk, space, wiring.vector_store(), embedder, _size(), parallel)


def _size() -> ChunkSize:
    return ChunkSize(settings.MINIRAG_CHUNK_SIZE, settings.MINIRAG_CHUNK_OVERLAP)


def ask_dimensions(run: JobRun, embedder: Embedder) -> int:
    """The length of the model's vectors. A remote one tells it by a call, metered as any other."""
    if embedder.model.startswith(("local/", "fake/")):
        return run.call(embedder.dimensions)
    with ledger.metered(
        tenant_id=run.job.tenant_id,
        kind=UsageKind.EMBEDDING,
        model=embedder.model,
        estimate=TokenUsage(embedder.count_tokens(_PROBE), estimated=True),
        ingest_job_id=run.job.pk,
    ) as meter:
        answer = run.call(partial(embedder.embed, [_PROBE], purpose="query"))
        meter.report(answer.usage)
    return int(answer.vectors.shape[1])


def known_space(tenant_id: UUID) -> VectorSpace | None:
    """The space of a tenant that has one; no provider is asked."""
    return vector_space(Tenant.objects.get(pk=tenant_id))


def known_shelf(tenant_id: UUID) -> Shelf | None:
    """Where the tenant's vectors stand, if it has any; no provider is asked."""
    space = known_space(tenant_id)
    return Shelf(tenant_id, space, wiring.vector_store()) if space is not None else None


def is_switching(tenant_id: UUID) -> bool:
    """Whether the tenant's index is just being exchanged: who works on it shall make room."""
    switching = IndexBuild.objects.filter(tenant_id=tenant_id, state=BuildState.SWITCHING)
    return bool(switching.exists())


def spaces_beside(tenant_id: UUID) -> list[VectorSpace]:
    """Where the tenant may have points besides its live index: being built, kept, not yet swept."""
    live = known_space(tenant_id)
    rows = IndexBuild.objects.filter(tenant_id=tenant_id, dimensions__isnull=False)
    found = {build.space for build in rows.exclude(state=BuildState.SWEPT)}
    return sorted(found - {live}, key=lambda space: space.collection)


def shelves(tenant_id: UUID) -> list[Shelf]:
    """Every place where the tenant may have points, the live one first. Deletes reach them all."""
    live = known_space(tenant_id)
    spaces = [*([live] if live is not None else []), *spaces_beside(tenant_id)]
    store = wiring.vector_store() if spaces else None
    return [Shelf(tenant_id, space, store) for space in spaces if store is not None]
