"""LOD-FAIR: a large tenant delays a small one by seconds, not by its queue.

Scaled down, and counted in the large tenant's documents rather than in seconds: how many of them
went through while the small tenant's one document waited. ``benchmarks/fairness.py`` has the
seconds, at full size.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from ingestion.models import ACTIVE_STATES, IngestJob, JobState
from ingestion.parsing import batches
from ingestion.services import cancel_job, retry_job, schedule_ingest, schedule_reindex
from ingestion.tasks import work_once
from ingestion.worker import drain_in_process
from minirag.errors import Conflict, UnreadableSource
from minirag.types import ParsedDocument, RawDocument
from sources.models import Document, Source, SourceType
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Embedder, Plant, run_due

LARGE = 160


class Unhurried(Embedder):
    """A document a call, and some time for each, as a provider takes it."""

    batch_limit = 1

    def embed(self, texts: Any, *, purpose: Any) -> Any:
        time.sleep(0.01)
        return super().embed(texts, purpose=purpose)


@pytest.fixture
def crowded(plant: Plant, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """Two workers, two jobs of a tenant at a time: the large tenant can take them all."""
    settings.MINIRAG_JOB_SLICE_SECONDS = 0.2
    settings.MINIRAG_JOBS_PER_TENANT = 2
    settings.MINIRAG_EMBED_PARALLEL = 1
    embedder = Unhurried()
    monkeypatch.setattr("minirag.wiring.embedder", lambda model, credentials: embedder)
    yield plant
    with tenant_scope(plant.tenant.pk):
        assert not IngestJob.objects.filter(state__in=ACTIVE_STATES).exists()


def done(plant: Plant) -> int:
    with tenant_scope(plant.tenant.pk):
        return Document.objects.filter(generation__gt=0).count()


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)


def passed_meanwhile(plant: Plant, other: Tenant) -> int:
    """Documents of the large tenant that went through while the small one's waited."""
    until(lambda: done(plant) > 2)
    with tenant_scope(other.pk):
        source = Source.objects.create(
            tenant=other, name="S", type=SourceType.TEXT, content="One document."
        )
        before = done(plant)
        job = schedule_ingest(system_context(other.pk, "tests"), source)
        until(lambda: IngestJob.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists())
    return done(plant) - before


def stop(plant: Plant) -> None:
    """What is left of the large tenant's queue is not worth the time."""
    with tenant_scope(plant.tenant.pk):
        for job in IngestJob.objects.filter(state__in=ACTIVE_STATES):
            with suppress(Conflict):  # it ended just now
                cancel_job(plant.auth, job)


def test_behind_one_tenant_with_large_sources(crowded: Plant, other_tenant: Tenant) -> None:
    """Each of two workers has a long job in hand."""
    for _ in range(2):
        words = {f"d{n}_md": f"# Part {n}\n\nWord {n}." for n in range(LARGE // 2)}
        crowded.schedule(crowded.files(**words))
    with drain_in_process(2):
        passed = passed_meanwhile(crowded, other_tenant)
        left = LARGE - done(crowded)
        stop(crowded)
    assert left > 0 and passed < LARGE / 4, f"{passed} of {LARGE} went first"


def test_behind_documents_that_are_slow_to_read(
    crowded: Plant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn is looked at within a window too: two groups of sixteen are read at a time."""
    read: list[str] = []

    def slow(raw: RawDocument, *_: Any) -> ParsedDocument:
        time.sleep(0.02)
        read.append(raw.key)
        return ParsedDocument(f"Words of {raw.key}.")

    monkeypatch.setattr(batches, "_alone", slow)
    crowded.schedule(crowded.files(**{f"d{n}_docx": f"Word {n}." for n in range(LARGE)}))
    monkeypatch.setattr("ingestion.pipeline.window._MOST_DOCUMENTS", 8 * LARGE)
    monkeypatch.setattr("ingestion.pipeline.window._FEWEST", 8 * LARGE)
    with drain_in_process(1):
        until(lambda: len(read) > 2)
        with tenant_scope(other_tenant.pk):
            source = Source.objects.create(
                tenant=other_tenant, name="S", type=SourceType.TEXT, content="One document."
            )
            job = schedule_ingest(system_context(other_tenant.pk, "tests"), source)
            until(lambda: IngestJob.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists())
        passed = len(read)
        stop(crowded)
    assert passed < LARGE / 2, f"{passed} of {LARGE} were read first"


def test_behind_one_tenant_with_many_sources(crowded: Plant, other_tenant: Tenant) -> None:
    with tenant_scope(crowded.tenant.pk):
        made = Source.objects.bulk_create(
            Source(tenant=crowded.tenant, name=f"S{n}", type=SourceType.TEXT, content=f"Word {n}.")
            for n in range(LARGE)
        )
    for source in made:
        crowded.schedule(source)
    with platform_scope("tests"):
        assert IngestJob.objects.filter(state=JobState.QUEUED).count() == LARGE
    with drain_in_process(2):
        passed = passed_meanwhile(crowded, other_tenant)
        left = LARGE - done(crowded)
        stop(crowded)
    assert left > 0 and passed <= 8, f"{passed} of {LARGE} went first"


def test_a_job_that_makes_room_comes_on(crowded: Plant, other_tenant: Tenant) -> None:
    """However often others go first, each turn brings it further, and nothing is paid twice."""
    words = {f"d{n}_md": f"# Part {n}\n\nWord {n}." for n in range(12)}
    large = crowded.schedule(crowded.files(**words))
    with tenant_scope(other_tenant.pk):
        auth = system_context(other_tenant.pk, "tests")
        for n in range(6):
            source = Source.objects.create(
                tenant=other_tenant, name="S", type=SourceType.TEXT, content=f"Small {n}."
            )
            schedule_ingest(auth, source)
    with drain_in_process(1):
        until(lambda: crowded.job(large).state == JobState.SUCCEEDED)
        with tenant_scope(other_tenant.pk):
            until(lambda: not IngestJob.objects.filter(state__in=ACTIVE_STATES).exists())
    assert crowded.job(large).attempts == 1


def test_what_failed_is_not_tried_again_at_each_turn(
    crowded: Plant, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A job of documents that cannot be read makes room after each, and comes to its end."""
    settings.MINIRAG_JOB_SLICE_SECONDS = 0.0
    read: Counter[str] = Counter()

    def parse(raws: Sequence[RawDocument], *_: Any) -> list[UnreadableSource]:
        read.update(raw.key for raw in raws)
        return [UnreadableSource("It takes too long.") for _ in raws]

    monkeypatch.setattr("ingestion.pipeline.reading.parse_many", parse)
    monkeypatch.setattr("ingestion.pipeline.uploads._MOST_ITEMS", 1)
    monkeypatch.setattr("ingestion.pipeline.turns.others_wait", lambda tenant_id: True)
    names = [f"d{n}.md" for n in range(6)]
    job = crowded.schedule(crowded.files(**{name.replace(".", "_"): "# Word" for name in names}))
    turns = 0
    while crowded.job(job).state != JobState.FAILED:
        assert work_once() and turns < 12
        turns += 1
    # What was under way when a turn ended is read once more, what had failed is not.
    assert set(read) == set(names) and max(read.values()) <= 2
    assert turns >= 3 and crowded.job(job).attempts == 1
    with tenant_scope(crowded.tenant.pk):
        retry_job(crowded.auth, crowded.job(job))
    read.clear()
    until(lambda: not work_once())
    assert set(read) == set(names)


def test_a_reindex_makes_room_and_comes_on(
    crowded: Plant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """What it had made before its turn was over is not made again."""
    words = {f"d{n}_md": f"# Part {n}\n\nWord {n}." for n in range(8)}
    source = crowded.files(**words)
    crowded.ingest(source)
    monkeypatch.setattr("ingestion.pipeline.reindex._WINDOW", 2)
    settings.MINIRAG_JOB_SLICE_SECONDS = 0.0
    embedder = Embedder()
    monkeypatch.setattr("minirag.wiring.embedder", lambda model, credentials: embedder)
    with tenant_scope(crowded.tenant.pk):
        job = schedule_reindex(crowded.auth, source)
    for n in range(3):
        with tenant_scope(other_tenant.pk):
            small = Source.objects.create(
                tenant=other_tenant, name="S", type=SourceType.TEXT, content=f"Small {n}."
            )
            schedule_ingest(system_context(other_tenant.pk, "tests"), small)
    run_due()
    ended = crowded.job(job)
    assert ended.state == JobState.SUCCEEDED and ended.started_at is not None
    with tenant_scope(other_tenant.pk):
        between = IngestJob.objects.filter(
            started_at__gt=ended.started_at, finished_at__lt=ended.finished_at
        )
        assert between.count() >= 2
    own = [text for text in embedder.texts if "Part" in text]
    assert len(own) == len(set(own)) == len(words)
    crowded.check(source)
