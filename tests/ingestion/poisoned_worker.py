"""A worker that dies by ``kill -9`` whenever the poisonous document is under way.

``prepare`` makes 100 documents; ``work at-load`` or ``work at-embed`` works until all is done.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import django

django.setup()


from ingestion import tasks  # noqa: E402
from ingestion.claims import requeue_expired  # noqa: E402
from ingestion.loaders.file import FileLoader  # noqa: E402
from ingestion.models import IngestJob  # noqa: E402
from minirag import wiring  # noqa: E402
from minirag.providers.fakes import FakeEmbedder  # noqa: E402
from minirag.types import RawDocument  # noqa: E402
from sources.models import Document, Source  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402
from tests.ingestion.made import make_source, upload  # noqa: E402

DOCUMENTS = 100
POISON = "arsenic"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingEmbedder(FakeEmbedder):
    def embed(self, texts: Any, *, purpose: Any) -> Any:
        if any(POISON in text for text in texts):
            die()
        return super().embed(texts, purpose=purpose)


_load = FileLoader.load


def load_and_die(self: FileLoader) -> Iterator[RawDocument]:
    for raw in _load(self):
        if POISON.encode() in raw.content:
            die()
        yield raw


def prepare() -> None:
    source = make_source()
    with tenant_scope(source.tenant_id):
        upload(source, (text(number) for number in range(DOCUMENTS)))


def text(number: int) -> str:
    return f"# Part {number}\n\nWord {number} {POISON if number == 41 else 'water'}."


def work(where: str) -> None:
    if where == "at-embed":
        wiring.embedder = lambda model, credentials: DyingEmbedder()
    else:
        FileLoader.load = load_and_die  # type: ignore[method-assign]
    with platform_scope("tests"):
        requeue_expired(everything=True)
    while tasks.work_once():
        pass
    with platform_scope("tests"):
        job = IngestJob.objects.get()
        source = Source.objects.get()
        ready = Document.objects.filter(status="ready").count()
        failed = Document.objects.filter(status="failed")
        told = [f"{row.key}:{row.error['code']}" for row in failed]
    print("report", job.state, source.status, ready, *told, flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        work(sys.argv[2])
    wiring.close_store()
