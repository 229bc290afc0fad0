"""One side and the other of ``benchmarks.ingest_overhead``. Imported once Django is configured."""

from __future__ import annotations

import cProfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.figures import median, table, timed  # noqa: E402
from ingestion.chunking import chunk_text  # noqa: E402
from ingestion.models import IngestJob, JobState  # noqa: E402
from ingestion.parsing.sandbox import parse  # noqa: E402
from ingestion.pipeline import index  # noqa: E402
from ingestion.services import schedule_ingest  # noqa: E402
from ingestion.tasks import work_once  # noqa: E402
from minirag import wiring  # noqa: E402
from minirag.sparse import encode_documents  # noqa: E402
from minirag.types import Embeddings, Point, RawDocument, TokenUsage, VectorSpace  # noqa: E402
from minirag.vectorstores.edge import EdgeStore  # noqa: E402
from sources.models import SourceType  # noqa: E402
from sources.services import add_upload, create_source  # noqa: E402
from tenants.context import system_context  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402

DIMENSIONS = 384
_BATCH = 128


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


class Run:
    """The files, and both ways through them."""

    def __init__(self, files: list[Path], root: Path) -> None:
        self.documents = [
            RawDocument(str(path.relative_to(root)), path.read_bytes(), "text/markdown")
            for path in files
        ]
        self.embedder = InstantEmbedder()
        index.wiring.embedder = lambda model, credentials: self.embedder  # type: ignore[attr-defined]
        self.store = EdgeStore(settings.MINIRAG_DATA_DIR / "baseline")
        self.chunks = 0
        call_command("migrate", verbosity=0)
        parse(self.documents[0])  # the parsers' process starts once, outside of both

    def close(self) -> None:
        self.store.close()
        wiring.close_store()

    def report(self, rounds: int) -> None:
        """Both sides in turn; the medians and their ratio."""
        ours, base = [], []
        for _ in range(rounds):
            base.append(timed(self.baseline))
            ours.append(self.pipeline())
        print(f"{len(self.documents)} files, {self.chunks} chunks, {rounds} rounds, medians")
        rows = [
            ["parse + chunk + encode + upsert, called directly", f"{median(base):.2f} s", "1.00"],
            [
                "ingest job, claimed to ended",
                f"{median(ours):.2f} s",
                f"{median(ours) / median(base):.2f}",
            ],
        ]
        table(["", "wall time", "ratio"], rows)
        each = [round(a / b, 2) for a, b in zip(ours, base, strict=True)]
        print(f"aim: ratio <= 1.5; by round: {each}")

    def baseline(self) -> None:
        """Each part once per document or batch, and nothing else."""
        space = VectorSpace(f"bench/{uuid.uuid4().hex[:8]}", DIMENSIONS, 1)
        tenant_id, source_id = uuid.uuid4(), uuid.uuid4()
        self.store.ensure_collection(space)
        waiting: list[tuple[uuid.UUID, str]] = []
        self.chunks = 0
        for document in self.documents:
            parsed = parse(document)
            pieces = chunk_text(
                parsed, size=settings.MINIRAG_CHUNK_SIZE, overlap=settings.MINIRAG_CHUNK_OVERLAP
            )
            document_id = uuid.uuid4()
            waiting += [(document_id, piece.text) for piece in pieces]
            while len(waiting) >= _BATCH:
                self._store(space, tenant_id, source_id, waiting[:_BATCH])
                waiting = waiting[_BATCH:]
        self._store(space, tenant_id, source_id, waiting)

    def _store(
        self,
        space: VectorSpace,
        tenant_id: uuid.UUID,
        source_id: uuid.UUID,
        batch: list[tuple[uuid.UUID, str]],
    ) -> None:
        texts = [text for _, text in batch]
        if not texts:
            return
        dense = self.embedder.embed(texts, purpose="document").vectors
        sparse = encode_documents(texts)
        points = [
            Point(uuid.uuid4(), uuid.uuid4(), document_id, source_id, dense[at], sparse[at])
            for at, (document_id, _) in enumerate(batch)
        ]
        self.store.upsert(space, tenant_id, points)
        self.chunks += len(points)

    def pipeline(self, profile: cProfile.Profile | None = None) -> float:
        """A new tenant, its files uploaded; the seconds from the job's claim to its end."""
        with platform_scope("benchmark"):
            name = f"bench-{timezone.now().timestamp()}".replace(".", "-")
            tenant = Tenant.objects.create(name=name, slug=name, embedding_model="fake/embedder")
        auth = system_context(tenant.pk, "benchmark")
        with tenant_scope(tenant.pk):
            source = create_source(auth, name="docs", type=SourceType.FILE)
            for document in self.documents:
                name = document.key.replace("/", " - ")
                add_upload(auth, source, ContentFile(document.content, name=name))
            job = schedule_ingest(auth, source)
        if profile is not None:
            profile.enable()
        seconds = timed(work_once)
        if profile is not None:
            profile.disable()
        with tenant_scope(tenant.pk):
            ended = IngestJob.objects.get(pk=job.pk)
        if ended.state != JobState.SUCCEEDED:
            raise SystemExit(f"the job ended as {ended.state}: {ended.error}")
        return seconds
