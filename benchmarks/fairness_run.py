"""The sides of ``benchmarks.fairness``. Imported once Django is configured."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Literal

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.storage import default_storage  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.figures import table  # noqa: E402
from ingestion.models import ACTIVE_STATES, IngestJob, JobState, TenantTurn  # noqa: E402
from ingestion.parsing.sandbox import parse  # noqa: E402
from ingestion.services import schedule_ingest  # noqa: E402
from ingestion.worker import drain_in_process  # noqa: E402
from minirag import wiring  # noqa: E402
from minirag.types import Embeddings, RawDocument, TokenUsage  # noqa: E402
from sources.models import Document, Source, SourceType  # noqa: E402
from sources.services import create_source  # noqa: E402
from tenants.context import system_context  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402

_TEXT = "# Part {0}\n\nScrew {0} is turned with {0} newton metres, and then once more."
_DIMENSIONS = 384


class PausingEmbedder:
    """Vectors at once, after the pause that a provider makes."""

    batch_limit = 128
    model = "fake/embedder"

    def __init__(self, pause: float) -> None:
        self._pause = pause
        made = np.random.default_rng(7).standard_normal((128, _DIMENSIONS)).astype(np.float32)
        self._vectors = made / np.linalg.norm(made, axis=1, keepdims=True)

    def dimensions(self) -> int:
        return _DIMENSIONS

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        time.sleep(self._pause)
        return Embeddings(self._vectors[: len(texts)], TokenUsage(len(texts)))

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


def new_tenant(name: str) -> Tenant:
    with platform_scope("benchmark"):
        slug = f"{name}-{uuid.uuid4().hex[:8]}"
        tenant: Tenant = Tenant.objects.create(
            name=name, slug=slug, embedding_model="fake/embedder"
        )
        return tenant


def one_source(tenant: Tenant, documents: int) -> None:
    """Uploads of one source and one job. Rows are made in bulk: uploading is not what counts."""
    with tenant_scope(tenant.pk):
        auth = system_context(tenant.pk, "benchmark")
        source = create_source(auth, name="large", type=SourceType.FILE)
        rows = []
        for n in range(documents):
            text = _TEXT.format(n).encode()
            name = default_storage.save(
                f"{tenant.pk}/{source.pk}/{uuid.uuid4()}", ContentFile(text)
            )
            rows.append(
                Document(
                    tenant_id=tenant.pk, source=source, key=f"d{n}.md", pending_upload=name,
                    size_bytes=len(text), mime_type="text/markdown",
                )
            )  # fmt: skip
        Document.objects.bulk_create(rows, batch_size=500)
        schedule_ingest(auth, source)


def two_sources(tenant: Tenant, documents: int) -> None:
    """So that each of two workers has a long job in hand."""
    for _ in range(2):
        one_source(tenant, documents // 2)


def many_sources(tenant: Tenant, documents: int) -> None:
    """As many texts, each a source with a job of its own."""
    with tenant_scope(tenant.pk):
        made = [
            Source(
                tenant_id=tenant.pk, name=f"s{n}", type=SourceType.TEXT, content=_TEXT.format(n)
            )
            for n in range(documents)
        ]  # fmt: skip
        Source.objects.bulk_create(made, batch_size=500)
        IngestJob.objects.bulk_create(
            [IngestJob(tenant_id=tenant.pk, source_id=source.pk) for source in made],
            batch_size=500,
        )
        TenantTurn.objects.get_or_create(
            tenant_id=tenant.pk, defaults={"served_at": timezone.now()}
        )


def small_wait(seconds_before: float = 1.0) -> float:
    """Queue one document of a new tenant among whatever runs; seconds until it is ready."""
    time.sleep(seconds_before)
    tenant = new_tenant("small")
    begun = time.monotonic()
    with tenant_scope(tenant.pk):
        auth = system_context(tenant.pk, "benchmark")
        source = create_source(auth, name="small", type=SourceType.TEXT, content="One document.")
        job = schedule_ingest(auth, source)
        while not IngestJob.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists():
            time.sleep(0.02)
    return time.monotonic() - begun


def progress_of(tenant: Tenant) -> int:
    with tenant_scope(tenant.pk):
        return Document.objects.filter(generation__gt=0).count()


def backlog_seconds(tenant: Tenant, documents: int, begun: float, whole: bool) -> tuple[float, str]:
    """What first-in-first-out would make the small tenant wait: all of the backlog."""
    if whole:
        with tenant_scope(tenant.pk):
            while IngestJob.objects.filter(state__in=ACTIVE_STATES).exists():
                time.sleep(0.5)
        return time.monotonic() - begun, "measured"
    done = progress_of(tenant)
    seconds = time.monotonic() - begun
    return seconds * documents / max(1, done), f"from {done} documents in {seconds:.0f} s"


def report(documents: int, sources: int, pause: float, *, whole: bool) -> None:
    """Alone, behind one source, behind two, behind many."""
    embedder = PausingEmbedder(pause)
    wiring.embedder = lambda model, credentials: embedder
    call_command("migrate", verbosity=0)
    parse(RawDocument("warm.md", b"# Warm", "text/markdown"))
    rows = []
    with drain_in_process():
        alone = small_wait(0.0)
    rows.append(["alone", f"{alone:.2f} s", "", ""])
    for words, queue, count in (
        (f"behind {documents:,} documents of one source", one_source, documents),
        (f"behind {documents:,} documents of two sources", two_sources, documents),
        (f"behind {sources:,} sources", many_sources, sources),
    ):
        large = new_tenant("large")
        queue(large, count)
        begun = time.monotonic()
        with drain_in_process():
            waits = [small_wait() for _ in range(5)]
            fifo, how = backlog_seconds(large, count, begun, whole)
            with tenant_scope(large.pk):
                IngestJob.objects.filter(state=JobState.QUEUED).update(state=JobState.CANCELLED)
                IngestJob.objects.filter(state=JobState.RUNNING).update(cancel_requested=True)
        rows.append(
            [words, f"{max(waits):.2f} s", f"{sorted(waits)[2]:.2f} s", f"{fifo:.0f} s ({how})"]
        )
    table(["small tenant's document", "longest of 5", "median", "first in, first out"], rows)
    print(
        f"{settings.MINIRAG_WORKER_THREADS} threads, slice {settings.MINIRAG_JOB_SLICE_SECONDS} s"
    )
    wiring.close_store()
