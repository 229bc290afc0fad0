"""A program for the kill tests: ``prepare`` makes rows, ``work`` works slowly until all is done.

Run as a process of its own, because what is tried is its death.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import django

django.setup()


from ingestion import tasks  # noqa: E402
from ingestion.claims import requeue_expired  # noqa: E402
from ingestion.models import ACTIVE_STATES, IngestJob  # noqa: E402
from minirag import wiring  # noqa: E402
from minirag.providers.fakes import FakeEmbedder  # noqa: E402
from minirag.types import PointSelector, VectorSpace  # noqa: E402
from sources.models import Chunk, Document  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402
from tests.ingestion.made import make_source, upload  # noqa: E402

DOCUMENTS = 12


class SlowEmbedder(FakeEmbedder):
    """Says each call on stdout, and takes its time."""

    batch_limit = 4

    def embed(self, texts: Any, *, purpose: Any) -> Any:
        # One write per line: two calls go on at the same time.
        os.write(1, f"embed {len(texts)}\n".encode())
        time.sleep(0.05)
        return super().embed(texts, purpose=purpose)


def prepare() -> None:
    source = make_source()
    with tenant_scope(source.tenant_id):
        upload(source, (text(number) for number in range(DOCUMENTS)))


def text(number: int) -> str:
    return "\n\n".join(f"## Part {number}.{i}\n\n" + f"Word {number} {i}. " * 60 for i in range(4))


def work() -> None:
    embedder = SlowEmbedder()
    wiring.embedder = lambda model, credentials: embedder
    with platform_scope("tests"):
        requeue_expired(everything=True)
        active = IngestJob.objects.filter(state__in=ACTIVE_STATES)
    while tasks.work_once():
        pass
    with platform_scope("tests"):
        while active.exists():
            tasks.sweep_once()
            tasks.work_once()
    report()


def report() -> None:
    with platform_scope("tests"):
        tenant = Tenant.objects.get()
        space = VectorSpace(tenant.embedding_model, tenant.index_dimensions or 0)
        points = list(wiring.vector_store().scroll_ids(space, tenant.pk, PointSelector()))
        rows = list(Chunk.objects.values_list("qdrant_point_id", flat=True))
        job = IngestJob.objects.get()
        ready = Document.objects.filter(status="ready", generation=1).count()
    same = sorted(points) == sorted(rows)
    print(f"report {job.state} {ready} {len(rows)} {same}", flush=True)  # noqa: T201


if __name__ == "__main__":
    {"prepare": prepare, "work": work}[sys.argv[1]]()
    wiring.close_store()
