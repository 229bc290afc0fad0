"""A worker for the kill points: it dies by SIGKILL before or after its n-th crossing.

A crossing is a call of a seam that leaves the process (embedder, store) or a commit. ``prepare``
makes rows and ingests a first version, then changes it; ``work N WHEN`` dies at crossing N;
``finish`` takes over as the next worker would, and reports; without a number ``work`` counts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402

from ingestion import tasks  # noqa: E402
from ingestion.claims import requeue_expired  # noqa: E402
from ingestion.fsck import check_tenant  # noqa: E402
from ingestion.models import IngestJob  # noqa: E402
from minirag import wiring  # noqa: E402
from minirag.providers.fakes import FakeEmbedder  # noqa: E402
from sources.models import Chunk, Document  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402
from tests.ingestion.made import make_source, upload  # noqa: E402

DOCUMENTS = 3


class Crossings:
    """Counts crossings, and dies at one of them."""

    def __init__(self, fatal: int = 0, when: str = "before") -> None:
        self._fatal, self._when = fatal, when
        self._lock = threading.Lock()
        self.names: list[str] = []

    def wrap(self, owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def crossing(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.names.append(name)
                number = len(self.names)
            if number == self._fatal and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*args, **kwargs)
            if name == "scroll_ids":
                result = list(result)
            if number == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, crossing)


def text(number: int, version: int) -> str:
    parts = [f"## Part {i}\n\nDocument {number}, part {i}." for i in range(3)]
    parts.append(f"## Version\n\nThis is version {version} of {number}.")
    return "\n\n".join(parts)


def prepare() -> None:
    source = make_source()
    with tenant_scope(source.tenant_id):
        upload(source, (text(number, 1) for number in range(DOCUMENTS)))
    assert tasks.work_once()
    with tenant_scope(source.tenant_id):
        upload(source, (text(number, 2) for number in range(DOCUMENTS)))


def work(fatal: int = 0, when: str = "before") -> None:
    crossings = Crossings(fatal, when)
    embedder = FakeEmbedder()
    wiring.embedder = lambda model, credentials: embedder
    crossings.wrap(embedder, "embed")
    store = wiring.vector_store()
    for name in ("ensure_collection", "upsert", "delete", "scroll_ids"):
        crossings.wrap(store, name)
    crossings.wrap(BaseDatabaseWrapper, "commit")
    tasks.work_once()
    print(json.dumps(crossings.names))  # noqa: T201


def finish() -> None:
    """What a search may see now, then the next worker's work, then how all stands."""
    with platform_scope("tests"):
        half = _half_documents()
        requeue_expired(everything=True)
    while tasks.work_once():
        pass
    with platform_scope("tests"):
        tenant = Tenant.objects.get()
        job = IngestJob.objects.order_by("-created_at").first()
        half += _half_documents()
        new = Document.objects.filter(text__contains="version 2", status="ready").count()
        pending = Document.objects.filter(stale_points=True).count()
    assert job is not None
    report = [job.state, check_tenant(tenant).clean, half, new, pending]
    print(json.dumps(report))  # noqa: T201


def _half_documents() -> int:
    """Documents whose chunks are not those of their text, or whose points are not all there."""
    half = 0
    for document in Document.objects.all():
        chunks = list(Chunk.objects.filter(document_id=document.pk))
        version = {c.text for c in chunks if "This is version" in c.text}
        whole = all(document.text[c.start : c.end] == c.text for c in chunks)
        half += not (whole and len(version) == 1)
    tenant = Tenant.objects.get()
    half += sum(check_tenant(tenant).missing.values())
    return half


if __name__ == "__main__":
    step, *rest = sys.argv[1:]
    if step == "work":
        work(int(rest[0]), rest[1]) if rest else work()
    else:
        {"prepare": prepare, "finish": finish}[step]()
    wiring.close_store()
