"""Sources that are read again by themselves: once, in time, and never for who is suspended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ingestion import tasks
from ingestion.models import IngestJob, JobState
from sources.models import Source
from tenants.models import AuditEvent, Tenant
from tenants.scope import platform_scope
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant, run_due
from tests.ingestion.web import markup, web_source


@pytest.fixture
def source(plant: Plant, site: Site, settings: Any) -> Source:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0
    site.page("/", markup("Home"), Content_Type="text/html")
    return web_source(plant, "crawl", site.url("/"))


def due(source: Source, **values: Any) -> None:
    values = {"refresh": "hourly", "next_refresh_at": timezone.now(), **values}
    with platform_scope("tests"):
        Source.objects.filter(pk=source.pk).update(**values)


def jobs(source: Source) -> list[IngestJob]:
    with platform_scope("tests"):
        return list(IngestJob.objects.filter(source_id=source.pk))


def test_the_sweeper_queues_what_is_due_once(plant: Plant, source: Source) -> None:
    due(source)
    assert (tasks.refresh_once(), tasks.refresh_once()) == (1, 0)
    (job,) = jobs(source)
    row = plant.source(source)
    assert row.status == "queued" and row.refresh_job_id == job.pk
    assert row.next_refresh_at is not None
    left = row.next_refresh_at - timezone.now()
    assert timedelta(minutes=53) < left < timedelta(minutes=67)
    with platform_scope("tests"):
        event = AuditEvent.objects.get(action="source.ingest")
        assert (event.actor_kind, event.actor, event.object_id) == (
            "system", "refresh", str(source.pk),
        )  # fmt: skip
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED


def test_times_part_ways(plant: Plant, source: Source) -> None:
    seen = set()
    for _ in range(5):
        due(source)
        tasks.refresh_once()
        seen.add(plant.source(source).next_refresh_at)
    assert len(seen) == 5


def test_the_sweep_of_every_shape_wakes_workers_for_it(
    plant: Plant, source: Source, monkeypatch: Any
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(tasks, "wake", woken.append)
    due(source)
    tasks.sweep()
    assert woken == [1] and len(jobs(source)) == 1


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_work_that_is_under_way_is_enough(plant: Plant, source: Source, state: str) -> None:
    job = plant.schedule(source)
    with platform_scope("tests"):
        IngestJob.objects.filter(pk=job.pk).update(state=state)
    due(source)
    assert tasks.refresh_once() == 0 and len(jobs(source)) == 1
    assert (plant.source(source).next_refresh_at or timezone.now()) > timezone.now()


@pytest.mark.parametrize("why", ["suspended", "deleted", "off", "not yet"])
def test_nothing_is_fetched_for_nobody(plant: Plant, source: Source, why: str) -> None:
    now = timezone.now()
    changes: dict[str, dict[str, Any]] = {
        "suspended": {},
        "deleted": {"deleted_at": now},
        "off": {"refresh": "off"},
        "not yet": {"next_refresh_at": now + timedelta(minutes=1)},
    }
    due(source, **changes[why])
    if why == "suspended":
        with platform_scope("tests"):
            Tenant.objects.filter(pk=plant.tenant.pk).update(suspended_at=now)
    assert tasks.refresh_once() == 0 and not jobs(source)
