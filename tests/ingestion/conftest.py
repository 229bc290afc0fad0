"""Ingestion on real parts: embedded store in a fresh folder, real parser child, fake vectors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db import connections

from ingestion.leases import going_down
from ingestion.models import IngestJob
from ingestion.services import schedule_ingest
from ingestion.tasks import work_once
from minirag import wiring
from minirag.errors import RetrievalUnavailable
from minirag.providers.fakes import FakeEmbedder
from minirag.types import Embeddings, Point, PointSelector, VectorSpace
from minirag.vectorstores.edge import EdgeStore
from sources.models import Chunk, Document, Source, SourceType
from sources.services import add_upload
from tenants.context import AuthContext, system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tenants.selectors import vector_space


class Embedder(FakeEmbedder):
    """The fake, which can also wait at a gate, so that a test sees a job under way."""

    def __init__(self) -> None:
        super().__init__(dimensions=32)
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call.texts]

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        self.entered.set()
        assert self.gate.wait(30)
        return super().embed(texts, purpose=purpose)


class Store(EdgeStore):
    """The embedded engine, which can be out of order, or slow."""

    down = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def _check(self) -> None:
        self.entered.set()
        assert self.gate.wait(30)
        if self.down:
            raise RetrievalUnavailable

    def upsert(self, space: VectorSpace, tenant_id: UUID, points: Sequence[Point]) -> None:
        self._check()
        super().upsert(space, tenant_id, points)

    def delete(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> None:
        self._check()
        super().delete(space, tenant_id, selector)


@pytest.fixture
def quick(settings: Any) -> None:
    """Short leases and beats, so that tests need not wait."""
    for name, value in {
        "MINIRAG_JOB_LEASE_SECONDS": 2.0,
        "MINIRAG_JOB_HEARTBEAT_SECONDS": 0.05,
        "MINIRAG_JOB_BACKOFF_SECONDS": 0.01,
        "MINIRAG_CHUNK_SIZE": 64,
        "MINIRAG_CHUNK_OVERLAP": 0,
    }.items():
        setattr(settings, name, value)


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Embedder:
    fake = Embedder()
    monkeypatch.setattr(wiring, "embedder", lambda model, credentials: fake)
    return fake


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    edge = Store(tmp_path / "vectors")
    monkeypatch.setattr(wiring, "vector_store", lambda: edge)
    yield edge
    edge.close()


@pytest.fixture(autouse=True)
def _up() -> None:
    """A worker that a test stopped leaves no mark on the next one."""
    going_down.clear()


@pytest.fixture
def plant(
    transactional_db: None, tenant: Tenant, quick: None, embedder: Embedder, store: Store
) -> Plant:
    return Plant(tenant, embedder, store)


class Plant:
    """Tenant A's ingestion, with everything a test wants to ask of it."""

    def __init__(self, tenant: Tenant, embedder: Embedder, store: Store) -> None:
        self.tenant = tenant
        self.embedder = embedder
        self.store = store
        self.auth: AuthContext = system_context(tenant.pk, "tests")

    def text(self, content: str, name: str = "Text") -> Source:
        with tenant_scope(self.tenant.pk):
            source: Source = Source.objects.create(
                tenant=self.tenant, name=name, type=SourceType.TEXT, content=content
            )
            return source

    def files(self, **contents: str | bytes) -> Source:
        with tenant_scope(self.tenant.pk):
            source: Source = Source.objects.create(
                tenant=self.tenant, name="Files", type=SourceType.FILE
            )
        self.upload(source, **contents)
        return source

    def upload(self, source: Source, **contents: str | bytes) -> None:
        """``name_md="…"`` becomes the file ``name.md``."""
        with tenant_scope(self.tenant.pk):
            for name, content in contents.items():
                data = content.encode() if isinstance(content, str) else content
                stem, _, suffix = name.rpartition("_")
                add_upload(self.auth, source, ContentFile(data, name=f"{stem}.{suffix}"))

    def schedule(self, source: Source) -> IngestJob:
        with tenant_scope(self.tenant.pk):
            return schedule_ingest(self.auth, source)

    def ingest(self, source: Source) -> IngestJob:
        job = self.schedule(source)
        run_due()
        return self.job(job)

    def job(self, job: IngestJob) -> IngestJob:
        with platform_scope("tests"):
            row: IngestJob = IngestJob.objects.get(pk=job.pk)
            return row

    def source(self, source: Source) -> Source:
        with platform_scope("tests"):
            row: Source = Source.objects.get(pk=source.pk)
            return row

    def documents(self, source: Source) -> dict[str, Document]:
        with platform_scope("tests"):
            rows = Document.objects.filter(source_id=source.pk, deleted_at__isnull=True)
            return {row.key: row for row in rows}

    def chunks(self, source: Source) -> list[Chunk]:
        with platform_scope("tests"):
            rows = Chunk.objects.filter(source_id=source.pk)
            return list(rows.order_by("document_id", "ordinal"))

    def points(self, source: Source) -> set[UUID]:
        with platform_scope("tests"):
            tenant = Tenant.objects.get(pk=self.tenant.pk)
        if tenant.index_dimensions is None:
            return set()
        space = self.space()
        selector = PointSelector(source_ids=[source.pk])
        return set(self.store.scroll_ids(space, tenant.pk, selector))

    def space(self) -> VectorSpace:
        """Where the tenant's points are now."""
        with platform_scope("tests"):
            space = vector_space(Tenant.objects.get(pk=self.tenant.pk))
        assert space is not None
        return space

    def wipe(self) -> None:
        """Lose every point of the tenant."""
        self.store.delete(self.space(), self.tenant.pk, PointSelector())

    def check(self, source: Source) -> None:
        """Points equal rows, and every chunk stands in its document's text."""
        chunks = self.chunks(source)
        assert self.points(source) == {chunk.qdrant_point_id for chunk in chunks}
        with platform_scope("tests"):
            for chunk in chunks:
                text = Document.objects.get(pk=chunk.document_id).text
                assert text[chunk.start : chunk.end] == chunk.text


def code(row: IngestJob | Source | Document) -> str:
    """The code of a row's error."""
    assert row.error is not None
    return str(row.error["code"])


def run_due() -> int:
    """Work as one worker until nothing is due."""
    done = 0
    while work_once():
        done += 1
    return done


def beside(work: Callable[[], object]) -> threading.Thread:
    """Run ``work`` in a thread of its own, as a worker would."""

    def body() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread
