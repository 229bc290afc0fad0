"""One side and the other of ``benchmarks.ingest_overhead``. Imported once Django is configured."""

from __future__ import annotations

import cProfile
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Literal

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.management import call_command  # noqa: E402

from benchmarks.figures import Spent, median, spent, table  # noqa: E402
from ingestion.chunking import chunk_text, embedding_text  # noqa: E402
from ingestion.models import IngestJob, JobState  # noqa: E402
from ingestion.parsing.batches import parse_many  # noqa: E402
from ingestion.pipeline import index  # noqa: E402
from ingestion.services import schedule_ingest  # noqa: E402
from ingestion.tasks import work_once  # noqa: E402
from minirag import wiring  # noqa: E402
from minirag.memory import settle  # noqa: E402
from minirag.protocols import Embedder  # noqa: E402
from minirag.providers import local_embedder  # noqa: E402
from minirag.sparse import encode_documents  # noqa: E402
from minirag.types import (  # noqa: E402
    Embeddings,
    ParsedDocument,
    Point,
    RawDocument,
    TokenUsage,
    VectorSpace,
)
from sources.models import Source, SourceType  # noqa: E402
from sources.services import add_upload, create_source  # noqa: E402
from tenants.context import system_context  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402

DIMENSIONS = 384
_BATCH = 128
_GROUP = 32  # documents that are parsed together, as in the pipeline


class InstantEmbedder:
    """Vectors that are ready already: what is left is everybody else's time."""

    batch_limit = _BATCH
    model = "fake/embedder"

    def __init__(self) -> None:
        made = np.random.default_rng(7).standard_normal((_BATCH, DIMENSIONS)).astype(np.float32)
        self._vectors = made / np.linalg.norm(made, axis=1, keepdims=True)

    def dimensions(self) -> int:
        return DIMENSIONS

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        return Embeddings(self._vectors[: len(texts)], TokenUsage(len(texts)))

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


class Counting:
    """Another embedder, its texts counted."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.batch_limit, self.model = embedder.batch_limit, embedder.model
        self.dimensions, self.count_tokens = embedder.dimensions, embedder.count_tokens
        self.texts = 0

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        self.texts += len(texts)
        return self._embedder.embed(texts, purpose=purpose)


def raw(documents: Sequence[tuple[str, str]]) -> list[RawDocument]:
    """(name, text) as uploads."""
    return [RawDocument(name, text.encode(), "text/markdown") for name, text in documents]


class Run:
    """The documents, and both ways through them."""

    def __init__(self, documents: Sequence[tuple[str, str]], *, local: bool = False) -> None:
        self.documents = raw(documents)
        self.local = local
        self.embedder = Counting(local_embedder() if local else InstantEmbedder())
        index.wiring.embedder = lambda model, credentials: self.embedder  # type: ignore[attr-defined]
        self.embedder.embed(["warm"], purpose="document")
        self.chunks = 0
        call_command("migrate", verbosity=0)
        self._cut(self.documents[:1])  # a process, a token table: loaded once, outside of both
        settle()  # as a worker does
        self.store = wiring.vector_store()
        # The bare side has a collection of its own, which grows as the pipeline's does.
        self.space = VectorSpace(f"bench/{uuid.uuid4().hex[:8]}", DIMENSIONS, 1)
        self.store.ensure_collection(self.space)

    def close(self) -> None:
        wiring.close_store()

    def report(self, rounds: int) -> None:
        """Both sides in turn; medians, and the median of the ratios within a round."""
        sides: dict[str, list[Spent]] = {}
        bare = "bare embedding" if self.local else "parse + chunk + encode + upsert, directly"
        for _ in range(rounds):
            work = self.bare_embedding if self.local else self.bare
            sides.setdefault(bare, []).append(spent(work))
            sides.setdefault("ingest job, claimed to ended", []).append(self.pipeline())
        name = self.embedder.model if self.local else "an instant embedder"
        print(
            f"{len(self.documents)} documents, {self.chunks} chunks, {name}, {rounds} rounds;"
            f" {settings.DATABASES['default']['ENGINE'].rpartition('.')[2]},"
            f" {type(self.store).__name__}, {os.cpu_count()} cores"
        )
        first = sides[bare]
        rows = []
        for side, runs in sides.items():
            wall = [one.wall / base.wall for one, base in zip(runs, first, strict=True)]
            cpu = [one.cpu / base.cpu for one, base in zip(runs, first, strict=True)]
            used = median([one.cpu / one.wall for one in runs])
            rows.append(
                [
                    side,
                    f"{median([one.wall for one in runs]):.2f} s",
                    f"{median([one.cpu for one in runs]):.2f} s",
                    f"{used:.2f}",
                    f"{median(wall):.2f}",
                    f"{median(cpu):.2f}",
                ]
            )
        table(["", "wall", "CPU", "cores used", "wall ratio", "CPU ratio"], rows)
        print(f"wall ratios by round: {[round(r, 2) for r in wall]}")
        print(f"CPU ratios by round: {[round(r, 2) for r in cpu]}")

    def bare(self) -> None:
        """Each part once per document or batch, and nothing else."""
        tenant_id, source_id = uuid.uuid4(), uuid.uuid4()
        waiting: list[tuple[uuid.UUID, str]] = []
        self.chunks = 0
        lanes = settings.MINIRAG_EMBED_PARALLEL * _BATCH
        for document_id, text in self._texts():
            waiting.append((document_id, text))
            if len(waiting) == lanes:
                self._store(tenant_id, source_id, waiting)
                waiting = []
        if waiting:
            self._store(tenant_id, source_id, waiting)

    def bare_embedding(self) -> None:
        """The model alone, on as many threads as the pipeline gives it."""
        texts = [text for _, text in self._texts()]
        self.chunks = len(texts)
        batches = [texts[at : at + 16] for at in range(0, len(texts), 16)]
        with ThreadPoolExecutor(settings.MINIRAG_EMBED_PARALLEL) as pool:
            list(pool.map(lambda batch: self.embedder.embed(batch, purpose="document"), batches))

    def _texts(self) -> chain[tuple[uuid.UUID, str]]:
        """What is to be embedded, document by document, parsed and cut on the way."""
        groups = [self.documents[at : at + _GROUP] for at in range(0, len(self.documents), _GROUP)]
        return chain.from_iterable(self._cut(group) for group in groups)

    def _cut(self, group: Sequence[RawDocument]) -> list[tuple[uuid.UUID, str]]:
        found = []
        for parsed in parse_many(group):
            assert isinstance(parsed, ParsedDocument)
            pieces = chunk_text(
                parsed, size=settings.MINIRAG_CHUNK_SIZE, overlap=settings.MINIRAG_CHUNK_OVERLAP
            )
            document_id = uuid.uuid4()
            found += [
                (document_id, embedding_text(piece.heading_path, piece.text)) for piece in pieces
            ]
        return found

    def _store(
        self, tenant_id: uuid.UUID, source_id: uuid.UUID, batch: list[tuple[uuid.UUID, str]]
    ) -> None:
        texts = [text for _, text in batch]
        dense = np.concatenate(
            [
                self.embedder.embed(texts[at : at + _BATCH], purpose="document").vectors
                for at in range(0, len(texts), _BATCH)
            ]
        )
        sparse = encode_documents(texts)
        points = [
            Point(uuid.uuid4(), uuid.uuid4(), document_id, source_id, dense[at], sparse[at])
            for at, (document_id, _) in enumerate(batch)
        ]
        self.store.upsert(self.space, tenant_id, points)
        self.chunks += len(points)

    def pipeline(self, profile: cProfile.Profile | None = None) -> Spent:
        """A new tenant, its files uploaded; what it takes from the job's claim to its end."""
        return self.ingest(self.make_source(self.documents), profile)

    def make_source(self, documents: Sequence[RawDocument]) -> Source:
        """A source of a new tenant, its files uploaded."""
        with platform_scope("benchmark"):
            name = f"bench-{uuid.uuid4().hex[:12]}"
            tenant = Tenant.objects.create(
                name=name, slug=name, embedding_model=self.embedder.model
            )
        auth = system_context(tenant.pk, "benchmark")
        with tenant_scope(tenant.pk):
            source = create_source(auth, name="docs", type=SourceType.FILE)
        self.upload(source, documents)
        return source

    def upload(self, source: Source, documents: Sequence[RawDocument]) -> None:
        auth = system_context(source.tenant_id, "benchmark")
        with tenant_scope(source.tenant_id):
            for document in documents:
                add_upload(auth, source, ContentFile(document.content, name=document.key))

    def ingest(self, source: Source, profile: cProfile.Profile | None = None) -> Spent:
        """Run one job over ``source`` to its end."""
        with tenant_scope(source.tenant_id):
            job = schedule_ingest(system_context(source.tenant_id, "benchmark"), source)
        if profile is not None:
            profile.enable()
        taken = spent(work_once)
        if profile is not None:
            profile.disable()
        with tenant_scope(source.tenant_id):
            ended = IngestJob.objects.get(pk=job.pk)
        if ended.state != JobState.SUCCEEDED:
            raise SystemExit(f"the job ended as {ended.state}: {ended.error}")
        return taken
