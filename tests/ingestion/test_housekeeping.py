"""What broken-off work leaves behind is kept for a retry, and then goes with the hourly round."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from ingestion import housekeeping, tasks, worker
from ingestion.fsck import check_tenant
from ingestion.models import JobState
from ingestion.services import cancel_job, retry_job, schedule_ingest
from minirag.celery import app
from minirag.errors import ProviderMisconfigured
from sources.models import Document, Source
from tenants.models import IdempotencyRecord, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant, beside, run_due


def marked(source: Source) -> int:
    with platform_scope("tests"):
        return Document.objects.filter(source_id=source.pk, stale_points=True).count()


def half_done(plant: Plant, settings: Any, word: str = "Word") -> Source:
    """A source whose job fails for good after some of its points are stored."""
    plant.embedder.batch_limit = 1
    settings.MINIRAG_EMBED_PARALLEL = 1
    source = plant.files(same_md="\n\n".join(f"# {n}\n\n" + f"{word} {n}. " * 40 for n in range(8)))
    upsert = plant.store.upsert
    calls: list[int] = []

    def then_fail(*args: Any) -> None:
        upsert(*args)
        calls.append(1)
        if len(calls) == 3:
            plant.embedder.fail_next(ProviderMisconfigured("The key was taken back."))

    plant.store.upsert = then_fail  # type: ignore
    return source


@pytest.fixture
def at_once(settings: Any) -> None:
    """Nothing is kept for a retry."""
    settings.MINIRAG_JOB_KEEP_SECONDS = 0.0


def test_what_a_job_had_stored_is_kept_for_a_retry_and_no_longer(
    plant: Plant, settings: Any
) -> None:
    source = half_done(plant, settings)
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and len(plant.points(source)) == 3
    housekeeping.keep_house()
    assert len(plant.points(source)) == 3 and marked(source) == 1
    with platform_scope("tests"):
        assert check_tenant(plant.tenant).clean, "neither missing nor too many"
    asked = len(plant.embedder.texts)
    with tenant_scope(plant.tenant.pk):
        retry_job(plant.auth, job)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    assert len(plant.embedder.texts) - asked == len(plant.chunks(source)) - 3
    plant.check(source)
    again = half_done(plant, settings, "Other")  # the same words would not be embedded again
    plant.ingest(again)
    settings.MINIRAG_JOB_KEEP_SECONDS = 0.0
    housekeeping.keep_house()
    assert plant.points(again) == set() and marked(again) == 0


@pytest.mark.usefixtures("at_once")
def test_a_failed_job_takes_its_points_back(plant: Plant, settings: Any) -> None:
    source = half_done(plant, settings)
    job = plant.ingest(source)
    assert job.state == JobState.FAILED
    assert plant.points(source) == set() and marked(source) == 0


@pytest.mark.usefixtures("at_once")
def test_a_cancelled_job_takes_its_points_back(plant: Plant, settings: Any) -> None:
    plant.embedder.batch_limit = 1
    settings.MINIRAG_EMBED_PARALLEL = 1
    source = plant.files(a_md="\n\n".join(f"# {n}\n\n" + f"Word {n}. " * 40 for n in range(8)))
    stored = threading.Event()
    upsert = plant.store.upsert

    def then_wait(*args: Any) -> None:
        upsert(*args)
        plant.embedder.gate.clear()
        stored.set()

    plant.store.upsert = then_wait  # type: ignore
    job = plant.schedule(source)
    working = beside(tasks.work)
    assert stored.wait(20)
    with tenant_scope(plant.tenant.pk):
        cancel_job(plant.auth, job)
    working.join(20)
    plant.embedder.gate.set()
    assert plant.job(job).state == JobState.CANCELLED
    assert plant.points(source) == set() and marked(source) == 0


@pytest.mark.usefixtures("at_once")
def test_what_a_job_could_not_take_back_goes_with_the_next_round(
    plant: Plant, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = half_done(plant, settings)
    with monkeypatch.context() as away:
        away.setattr("ingestion.execution._TIDY_SECONDS", -1.0)
        plant.ingest(source)
    assert plant.points(source) and marked(source) == 1
    housekeeping.keep_house()
    assert plant.points(source) == set() and marked(source) == 0


def test_the_round_leaves_alone_what_a_job_is_working_on(plant: Plant, settings: Any) -> None:
    half = half_done(plant, settings)
    plant.ingest(half)
    del plant.store.upsert
    plant.store.gate.clear()
    plant.store.entered.clear()
    job = plant.schedule(half)
    working = beside(tasks.work)
    assert plant.store.entered.wait(20)
    assert housekeeping.keep_house()["points of jobs that broke off"] == 0
    assert marked(half) == 1
    plant.store.gate.set()
    working.join(20)
    assert plant.job(job).state == JobState.SUCCEEDED
    plant.check(half)


def test_one_step_that_fails_stops_no_other(
    plant: Plant, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise ZeroDivisionError

    first = next(iter(housekeeping._STEPS))
    monkeypatch.setattr(housekeeping, "_STEPS", {**housekeeping._STEPS, first: broken})
    with tenant_scope(tenant.pk):
        IdempotencyRecord.objects.create(**expired(tenant))
    done = housekeeping.keep_house()
    assert done[first] == -1 and done["expired idempotency records"] == 1


def expired(tenant: Tenant) -> dict[str, Any]:
    past = timezone.now() - timedelta(days=1)
    return {
        "tenant": tenant,
        "key": "k",
        "operation": "POST",
        "locked_until": past,
        "expires_at": past,
    }


def test_stored_files_without_a_document_go(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    source = plant.files(a_md="# A\n\nText.")
    lost = default_storage.save(f"{plant.tenant.pk}/{source.pk}/lost", ContentFile(b"x"))
    kept = plant.documents(source)["a.md"].pending_upload
    housekeeping.keep_house()
    assert default_storage.exists(lost)  # it may belong to an upload that is on its way
    monkeypatch.setattr(housekeeping, "_UPLOAD", timedelta(seconds=-5))
    housekeeping.keep_house()
    assert not default_storage.exists(lost) and default_storage.exists(kept)


def test_beat_and_the_embedded_server_keep_house(
    plant: Plant, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert app.conf.beat_schedule["keep-house"]["task"] in app.tasks
    settings.MINIRAG_SWEEP_SECONDS = settings.MINIRAG_HOUSEKEEPING_SECONDS = 0.01
    kept = threading.Event()
    monkeypatch.setattr(tasks, "keep_house", kept.set)
    worker.start()
    try:
        assert kept.wait(20)
    finally:
        worker.stop()
    with tenant_scope(plant.tenant.pk):
        assert schedule_ingest(plant.auth, plant.text("Some text.")).state == JobState.QUEUED
    run_due()
