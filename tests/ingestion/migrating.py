"""Embedding models whose vectors cannot be taken for each other, and stores that look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
import pytest

from chat.retrieval import retrieve
from ingestion.builds import change_embedding, schedule_rebuild, schedule_rollback, wanted_embedding
from ingestion.models import IndexBuild, IngestJob
from minirag import wiring
from minirag.errors import ProviderMisconfigured
from minirag.types import Credentials, Embeddings, PointSelector, StoreHit, VectorQuery, VectorSpace
from minirag.vectorstores.edge import EdgeStore
from minirag.vectorstores.qdrant import QdrantStore
from sources.models import Chunk, Source
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.doubles.qdrant_rest import QdrantDouble
from tests.ingestion.conftest import Embedder, Plant

OLD = "fake/embedder"
SAME = "openai/text-embedding-3-small"
LONGER = "openai/text-embedding-3-large"
BAD = "openai/text-embedding-ada-002"
# Length of a model's vectors, and the sign of their first component.
KINDS = {OLD: (32, 1), SAME: (32, -1), LONGER: (48, -1), BAD: (32, -1)}
KEY = Credentials({"api_key": "sk-of-a-test"})


class Marked(Embedder):
    """A model that leaves its mark: the first component of its every vector."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model
        self.wide, self.sign = KINDS[model]

    def dimensions(self) -> int:
        return self.wide

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        answer = super().embed(texts, purpose=purpose)
        if self.model == BAD:
            raise ProviderMisconfigured("The key is wrong.")
        vectors = np.zeros((len(texts), self.wide), dtype=np.float32)
        vectors[:, 1:32] = answer.vectors[:, 1:]
        vectors[:, 0] = 0.3 * self.sign
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embeddings(vectors, answer.usage)


def belongs(space: VectorSpace, dense: Any) -> bool:
    """Whether a vector was made by the model of ``space``."""
    wide, sign = KINDS[space.model]
    return len(dense) == wide and bool(dense[0] * sign > 0)


class _Watching:
    """Notes every comparison of vectors of two models, and the collections that were asked."""

    def watch(self) -> None:
        self.mixed: list[str] = []
        self.asked: list[str] = []

    def search(self, space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[StoreHit]:
        self.asked.append(space.collection)
        if not belongs(space, query.dense):
            self.mixed.append(f"question in {space.collection}")
        hits: list[StoreHit] = super().search(space, tenant_id, query)  # type: ignore[misc]
        ids = [hit.point_id for hit in hits]
        held = self.vectors(space, tenant_id, ids)  # type: ignore[attr-defined]
        strange = [pk for pk in held if not belongs(space, held[pk].dense)]
        self.mixed += [f"{pk} in {space.collection}" for pk in strange]
        return hits


class WatchedEdge(_Watching, EdgeStore):
    pass


class WatchedQdrant(_Watching, QdrantStore):
    pass


ShardOf = Callable[[VectorSpace], Any]


@contextmanager
def watched(kind: str, folder: Path) -> Iterator[tuple[Any, ShardOf]]:
    """A watching store, and the shards behind its back."""
    if kind == "edge":
        edge = WatchedEdge(folder / "vectors")
        edge.watch()
        yield edge, lambda space: edge._shard(space)
        edge.close()
        return
    with QdrantDouble(folder / "double") as double:
        store = WatchedQdrant(double.url)
        store.watch()
        yield store, lambda space: double.collections.shard(space.collection)
        store.close()
        assert double.violations == []


@contextmanager
def housed(
    kind: str, tenant: Tenant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """A house for ``tenant`` on a store of this kind."""
    with platform_scope("tests"):
        Tenant.objects.filter(pk=tenant.pk).update(embedding_model=OLD)
    models = {model: Marked(model) for model in KINDS}
    monkeypatch.setattr(wiring, "embedder", lambda model, credentials: models[model])
    with watched(kind, folder) as (store, shard_of):
        monkeypatch.setattr(wiring, "vector_store", lambda: store)
        yield House(tenant, models, store, shard_of)


class House(Plant):
    """A tenant whose embedding model can be exchanged."""

    store: Any

    def __init__(
        self, tenant: Tenant, models: dict[str, Marked], store: Any, shard: ShardOf
    ) -> None:
        super().__init__(tenant, models[OLD], store)
        self.models, self.shard_of = models, shard

    def row(self) -> Tenant:
        with tenant_scope(self.tenant.pk):
            tenant: Tenant = Tenant.objects.get(pk=self.tenant.pk)
            return tenant

    def change(self, model: str) -> IndexBuild | None:
        """Ask for another model; the build that began."""
        with tenant_scope(self.tenant.pk):
            credentials = Credentials() if model == OLD else KEY
            change_embedding(self.auth, self.row(), model=model, credentials=credentials)
            return wanted_embedding(self.row()).build

    def rebuild(self, **options: bool) -> IngestJob | None:
        with tenant_scope(self.tenant.pk):
            return schedule_rebuild(self.auth, self.row(), **options)

    def rollback(self) -> IngestJob:
        with tenant_scope(self.tenant.pk):
            return schedule_rollback(self.auth, self.row())

    def builds(self) -> dict[str, str]:
        """State of each index that had a row, by model and version."""
        with tenant_scope(self.tenant.pk):
            return {f"{b.model} v{b.version}": b.state for b in IndexBuild.objects.all()}

    def search(self, query: str) -> list[str]:
        """Texts that a question finds, best first."""
        with tenant_scope(self.tenant.pk):
            ids = list(Source.objects.filter(deleted_at=None).values_list("pk", flat=True))
            return [p.text for p in retrieve(self.row(), ids, query, 5).passages]

    def held(self, space: VectorSpace) -> set[UUID]:
        return set(self.store.scroll_ids(space, self.tenant.pk, PointSelector()))

    def named(self) -> set[UUID]:
        with tenant_scope(self.tenant.pk):
            rows = Chunk.objects.filter(document__deleted_at=None)
            return set(rows.values_list("qdrant_point_id", flat=True))

    def sound(self) -> None:
        """The live index holds each chunk's point and no other, made by the tenant's model."""
        space = self.space()
        assert self.held(space) == self.named()
        vectors = self.store.vectors(space, self.tenant.pk, list(self.named()))
        assert all(belongs(space, one.dense) for one in vectors.values())
        assert self.store.mixed == []
