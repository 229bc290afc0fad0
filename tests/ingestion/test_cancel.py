"""Cancel works within five seconds, whatever hangs; a retry goes on where the work was."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from ingestion import tasks
from ingestion.models import IngestJob, JobState
from ingestion.selectors import QueueView
from ingestion.services import cancel_job, retry_job
from minirag.providers import build_embedder
from minirag.providers.litellm_adapter import vendor
from minirag.types import PointSelector, VectorSpace
from sources.models import Source, SourceType
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.doubles.openai_paced import PacedDouble
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant, Store, beside, run_due
from tests.processes import wait_for
from tests.provider_fixtures import KEY, credentials

pytest_plugins = ["tests.provider_fixtures"]
MODEL = "openai/text-embedding-3-small"
HEAVY = b"some line\n" * 1_000_000


@pytest.fixture
def unhurried(plant: Plant, settings: Any) -> Plant:
    """The heartbeat and lease that people run with."""
    settings.MINIRAG_JOB_LEASE_SECONDS = 30.0
    settings.MINIRAG_JOB_HEARTBEAT_SECONDS = 1.0
    return plant


def cancelled_in(plant: Plant, job: IngestJob, worker: threading.Thread) -> float:
    """Cancel a job that runs; seconds until it has ended and its worker is free."""
    assert plant.job(job).state == JobState.RUNNING
    begun = time.monotonic()
    with tenant_scope(plant.tenant.pk):
        cancel_job(plant.auth, plant.job(job))
    worker.join(20)
    seconds = time.monotonic() - begun
    assert plant.job(job).state == JobState.CANCELLED
    return seconds


def use_provider(plant: Plant, double: PacedDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real adapter instead of the fake."""
    monkeypatch.setattr("minirag.wiring.embedder", build_embedder)
    with platform_scope("tests"):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
        tenant.embedding_model, tenant.embedding_credentials = MODEL, credentials(double)
        tenant.save()


@pytest.fixture
def paced() -> Iterator[PacedDouble]:
    vendor.litellm()  # its import takes seconds, and is not what hangs here
    with PacedDouble() as double:
        yield double
        double.let_go()


def test_load_from_a_web_server_that_hangs(unhurried: Plant, site: Site) -> None:
    asked, gate = threading.Event(), threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        gate.wait(30)

    site.pages["/slow"] = hang
    with tenant_scope(unhurried.tenant.pk):
        source = Source.objects.create(
            tenant=unhurried.tenant, name="Page", type=SourceType.URL, url=site.url("/slow")
        )
    job = unhurried.schedule(source)
    worker = beside(tasks.work)
    assert asked.wait(10)
    try:
        wait_for("the stage", lambda: unhurried.job(job).stage == "load", 5)
        with tenant_scope(unhurried.tenant.pk):
            said = QueueView(unhurried.tenant.pk).waiting_for(unhurried.job(job))
        assert said == "It is reading its source; nothing has arrived yet."
        assert cancelled_in(unhurried, job, worker) < 5
    finally:
        gate.set()


def test_parse_of_a_file_that_burns_the_processor(unhurried: Plant) -> None:
    source = unhurried.files(heavy_md=HEAVY)
    job = unhurried.schedule(source)
    worker = beside(tasks.work)
    while unhurried.job(job).stage != "chunk":
        time.sleep(0.05)
    assert cancelled_in(unhurried, job, worker) < 5


def test_embed_with_a_provider_that_hangs(
    unhurried: Plant, paced: PacedDouble, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_provider(unhurried, paced, monkeypatch)
    settings.MINIRAG_EGRESS_ALLOW = ["provider:127.0.0.0/8"]
    paced.hold(after=1)
    job = unhurried.schedule(unhurried.text("Some text."))
    worker = beside(tasks.work)
    assert paced.holding.wait(20)
    assert cancelled_in(unhurried, job, worker) < 5


@pytest.mark.parametrize("stage", ["index", "sweep"])
def test_a_store_that_hangs(unhurried: Plant, stage: str) -> None:
    source = unhurried.text("Old words.")
    if stage == "sweep":  # the first deletion of points is that of the old version
        unhurried.ingest(source)
        with platform_scope("tests"):
            Source.objects.filter(pk=source.pk).update(content="Wholly other words.")
    unhurried.store.entered.clear()
    unhurried.store.gate.clear()
    if stage == "sweep":
        unhurried.store.upsert = lambda *args: super(Store, unhurried.store).upsert(*args)  # type: ignore[method-assign]
    job = unhurried.schedule(source)
    worker = beside(tasks.work)
    assert unhurried.store.entered.wait(10)
    try:
        assert cancelled_in(unhurried, job, worker) < 5
    finally:
        unhurried.store.gate.set()


def test_a_job_that_waits(unhurried: Plant) -> None:
    """For its turn, for its next try, for another job of its source."""
    first, second = unhurried.text("One."), unhurried.text("Two.")
    unhurried.store.down = True
    tried, waiting = unhurried.schedule(first), unhurried.schedule(second)
    assert tasks.work_once()
    for job in (tried, waiting):
        with tenant_scope(unhurried.tenant.pk):
            assert cancel_job(unhurried.auth, job).state == JobState.CANCELLED


@pytest.mark.usefixtures("provider_limits")
def test_a_retry_embeds_only_what_was_not_stored(
    plant: Plant, paced: PacedDouble, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the provider's own meter and history."""
    use_provider(plant, paced, monkeypatch)
    settings.MINIRAG_PROVIDER_EMBED_TIMEOUT = 30.0
    settings.MINIRAG_EMBED_PARALLEL = 1
    words = "\n\n".join(f"## Part {n}\n\nScrew {n} takes {n} newton metres." for n in range(300))
    source = plant.files(manual_md=words)
    paced.hold(after=2)  # the model's dimensions, and the first batch
    job = plant.schedule(source)
    worker = beside(tasks.work)
    assert paced.holding.wait(20)
    while plant.job(job).done < 128:
        time.sleep(0.02)
    cancelled_in(plant, job, worker)
    paced.let_go()  # the call that was under way is answered now, and nobody listens
    before = len(paced.history)
    with tenant_scope(plant.tenant.pk):
        retry_job(plant.auth, plant.job(job))
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    chunks = len(plant.chunks(source))
    asked = [one.body["input"] for one in paced.history if one.path.endswith("/embeddings")]
    assert len(paced.history) - before == -(-(chunks - 128) // 128) == 2
    stored = [text for texts in (*asked[:2], *asked[3:]) for text in texts]
    assert max(Counter(stored).values()) == 1, "nothing of the first batch was asked for again"
    assert paced.meters[KEY].calls == len(asked) == 5
    with platform_scope("tests"):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
    space = VectorSpace(MODEL, tenant.index_dimensions or 0)
    points = set(plant.store.scroll_ids(space, tenant.pk, PointSelector(source_ids=[source.pk])))
    assert points == {chunk.qdrant_point_id for chunk in plant.chunks(source)}
