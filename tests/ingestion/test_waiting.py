"""``waiting_for`` names what a job waits for, in plain words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingestion.clock import database_now
from ingestion.models import IngestJob, JobState, TenantTurn
from ingestion.selectors import QueueView
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant, run_due


def words(plant: Plant, job: IngestJob, **changes: Any) -> str | None:
    """What is said of ``job`` after its row was changed."""
    with platform_scope("tests"):
        IngestJob.objects.filter(pk=job.pk).update(**changes)
    with tenant_scope(plant.tenant.pk):
        return QueueView(plant.tenant.pk).waiting_for(IngestJob.objects.get(pk=job.pk))


def ago(seconds: float) -> Any:
    return database_now() - timedelta(seconds=seconds)


@pytest.fixture
def job(plant: Plant) -> IngestJob:
    return plant.schedule(plant.text("Some text."))


def test_the_next_one(plant: Plant, job: IngestJob) -> None:
    assert words(plant, job) == "A worker takes it next."


def test_jobs_ahead(plant: Plant, job: IngestJob) -> None:
    second = plant.schedule(plant.text("Two."))
    third = plant.schedule(plant.text("Three."))
    assert words(plant, second) == "1 job of this tenant is ahead."
    assert words(plant, third) == "2 jobs of this tenant are ahead."


def test_no_worker(plant: Plant, job: IngestJob) -> None:
    with platform_scope("tests"):
        TenantTurn.objects.update(served_at=ago(40))
    said = words(plant, job, created_at=ago(40))
    assert said == "No worker has taken work for 40 s."


def test_a_suspended_tenant(plant: Plant, job: IngestJob) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=plant.tenant.pk).update(suspended_at=ago(1))
    assert words(plant, job) == "The tenant is suspended."


def test_a_provider_that_asked_to_wait(plant: Plant, job: IngestJob) -> None:
    said = words(
        plant,
        job,
        waiting_for="The model provider asked to wait 20 s.",
        not_before=ago(-12.2),
    )
    assert said == "The model provider asked to wait 20 s. Next try in 12 s."


def test_another_job_of_the_source(plant: Plant, job: IngestJob) -> None:
    assert words(plant, job, state=JobState.RUNNING, lease_until=ago(-2)) is None
    with tenant_scope(plant.tenant.pk):
        second = IngestJob.objects.create(tenant=plant.tenant, source_id=job.source_id)
    assert words(plant, second) == "Another job of this source is running."


def test_a_dead_worker(plant: Plant, job: IngestJob, settings: Any) -> None:
    settings.MINIRAG_JOB_LEASE_SECONDS = 30.0
    running = {"state": JobState.RUNNING}
    assert words(plant, job, lease_until=ago(-29), **running) is None
    said = words(plant, job, lease_until=ago(-12), **running)
    assert said == "Its worker gave no sign of life for 18 s; another one takes over in 12 s."
    said = words(plant, job, lease_until=ago(1), **running)
    assert said == "Its worker died; another one takes over within seconds."
    assert words(plant, job, cancel_requested=True) == "It is being cancelled."


def test_an_ended_one_waits_for_nothing(plant: Plant, job: IngestJob) -> None:
    run_due()
    assert words(plant, job, waiting_for="old words") is None
