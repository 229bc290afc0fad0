"""``waiting_for`` names what a job waits for, in plain words."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from ingestion.clock import database_now
from ingestion.following import follow
from ingestion.leases import JobRun
from ingestion.models import IngestJob, JobKind, JobState, TenantTurn
from ingestion.pipeline.progress import Progress
from ingestion.selectors import QueueView, embedding_rate
from tenants.models import Role, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import client_for, person, token_of
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


def test_one_that_reads_and_has_nothing_yet(plant: Plant, job: IngestJob) -> None:
    reading = {"state": JobState.RUNNING, "lease_until": ago(-29), "stage": "load"}
    said = "It is reading its source; nothing has arrived yet."
    assert words(plant, job, **reading) == said
    assert words(plant, job, documents_read=1) is None
    assert words(plant, job, documents_read=0, kind=JobKind.REINDEX) is None


def test_an_ended_one_waits_for_nothing(plant: Plant, job: IngestJob) -> None:
    run_due()
    assert words(plant, job, waiting_for="old words") is None


def finish(plant: Plant, job: IngestJob, **changes: Any) -> float | None:
    """In how many seconds ``job`` is expected to be done, after its row was changed."""
    with platform_scope("tests"):
        IngestJob.objects.filter(pk=job.pk).update(**changes)
    with tenant_scope(plant.tenant.pk):
        view = QueueView(plant.tenant.pk)
        at = view.expected_finish_at(IngestJob.objects.get(pk=job.pk))
    return None if at is None else (at - view.now).total_seconds()


def running(**more: Any) -> dict[str, Any]:
    """A job that has done 40 of 100 chunks in 20 seconds."""
    values = {"done": 40, "total": 100, "pace_at": ago(20), "lease_until": ago(-29)}
    return {"state": JobState.RUNNING, **values, **more}


def test_the_cap_of_running_jobs(plant: Plant, job: IngestJob, settings: Any) -> None:
    settings.MINIRAG_JOBS_PER_TENANT = 1
    second, third = plant.schedule(plant.text("Two.")), plant.schedule(plant.text("Three."))
    words(plant, job, **running())
    cap = "This tenant runs 1 of its jobs now, as many as it may at a time"
    assert words(plant, second) == f"{cap}."
    assert words(plant, third) == f"{cap}; 1 job of this tenant is ahead."


def test_what_is_not_due_or_blocked_is_not_ahead(plant: Plant, job: IngestJob) -> None:
    second = plant.schedule(plant.text("Two."))
    words(plant, job, not_before=ago(-60))
    assert words(plant, second) == "A worker takes it next."


def test_deletions_are_ahead(plant: Plant, job: IngestJob) -> None:
    with tenant_scope(plant.tenant.pk):
        IngestJob.objects.create(tenant=plant.tenant, source_id=uuid4(), kind=JobKind.DELETE)
    assert words(plant, job) == "1 job of this tenant is ahead."


def test_a_long_queue_is_not_counted_to_its_end(
    plant: Plant, job: IngestJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.selectors.queue._FARTHEST", 2)
    later = [plant.schedule(plant.text(f"Text {n}.")) for n in range(5)]
    assert words(plant, later[4]) == "More than 3 jobs of this tenant are ahead."
    assert words(plant, later[0]) == "1 job of this tenant is ahead."
    assert finish(plant, later[4]) is None


def test_workers_that_are_busy_elsewhere(
    plant: Plant, job: IngestJob, other_tenant: Tenant
) -> None:
    with platform_scope("tests"):
        TenantTurn.objects.update(served_at=ago(40))
        IngestJob.objects.create(
            tenant=other_tenant, source_id=uuid4(), state=JobState.RUNNING, lease_until=ago(-20)
        )
    said = words(plant, job, created_at=ago(40))
    assert said == "The workers are busy with other tenants; this one's turn comes next."


def test_what_was_not_counted_yet_takes_as_long_as_the_last_time(
    plant: Plant, job: IngestJob
) -> None:
    run_due()
    words(plant, job, run_started_at=ago(60), finished_at=ago(40))
    with tenant_scope(plant.tenant.pk):
        second = IngestJob.objects.create(tenant=plant.tenant, source_id=job.source_id)
    reading = {"state": JobState.RUNNING, "lease_until": ago(-29), "stage": "load"}
    left = finish(plant, second, run_started_at=ago(5), **reading)
    assert left is not None and 13 < left <= 15
    assert finish(plant, second, run_started_at=ago(25)) is None


def test_the_rate_of_the_run_tells_when_it_ends(plant: Plant, job: IngestJob) -> None:
    assert finish(plant, job, **running()) == pytest.approx(30, abs=1)
    late = running(pace_at=ago(10), pace_done=35)
    assert finish(plant, job, **late) == pytest.approx(120, abs=5), "of late it was slower"


def test_the_end_does_not_move_away_while_a_batch_is_under_way(
    plant: Plant, job: IngestJob, settings: Any
) -> None:
    settings.MINIRAG_JOB_LEASE_SECONDS = 30.0
    written = running(pace_at=ago(30), lease_until=ago(10 - 30))
    assert finish(plant, job, **written) == pytest.approx(60 * 20 / 40 - 10, abs=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"pace_at": None},
        {"done": 0},
        {"done": 40, "pace_done": 40},
        {"total": 0, "done": 0},
        {"cancel_requested": True},
        {"lease_until": None},
    ],
    ids=["unmeasured", "nothing done", "stalled", "total unknown", "cancelled", "no lease"],
)
def test_where_nothing_tells_nothing_is_said(
    plant: Plant, job: IngestJob, changes: dict[str, Any]
) -> None:
    assert finish(plant, job, **running(**changes)) is None


def test_documents_not_read_yet_count_too(plant: Plant) -> None:
    """Chunks are known of what was read; a tenth of the documents is a tenth of the work."""
    source = plant.files(**{f"d{n}_md": f"# {n}" for n in range(10)})
    job = plant.schedule(source)
    assert finish(plant, job, **running(documents_read=1)) == pytest.approx(480, abs=10)
    assert finish(plant, job, **running(documents_read=10)) == pytest.approx(30, abs=1)


def ended(plant: Plant, seconds: float, source_id: Any = None) -> None:
    with tenant_scope(plant.tenant.pk):
        IngestJob.objects.create(
            tenant=plant.tenant,
            source_id=source_id or uuid4(),
            state=JobState.SUCCEEDED,
            run_started_at=ago(1000),
            finished_at=ago(1000 - seconds),
        )


def test_a_queued_one_is_guessed_from_what_jobs_took(
    plant: Plant, job: IngestJob, settings: Any
) -> None:
    settings.MINIRAG_JOBS_PER_TENANT = 1
    assert finish(plant, job) is None, "nothing was measured yet"
    for seconds in (10, 20, 90):
        ended(plant, seconds)
    assert finish(plant, job) == pytest.approx(20, abs=1)
    second = plant.schedule(plant.text("Two."))
    assert finish(plant, second) == pytest.approx(40, abs=1)
    ended(plant, 5, second.source_id)
    assert finish(plant, second) == pytest.approx(20 + 5, abs=8), "as its source took last"
    assert finish(plant, job, not_before=ago(-60)) == pytest.approx(80, abs=9)
    with platform_scope("tests"):
        Tenant.objects.filter(pk=plant.tenant.pk).update(suspended_at=ago(1))
    assert finish(plant, job) is None


def test_a_real_run_leaves_its_measure(plant: Plant, settings: Any) -> None:
    source = plant.text("# Part\n\n" + "Some words. " * 300)
    begun = database_now()
    row = plant.ingest(source)
    assert row.embedded == len(plant.chunks(source)) == row.done
    assert row.run_started_at is not None and row.finished_at is not None
    assert begun <= row.run_started_at <= row.finished_at
    with tenant_scope(plant.tenant.pk):
        rate = embedding_rate(plant.tenant.pk)
    assert rate == pytest.approx(
        row.embedded / (row.finished_at - row.run_started_at).total_seconds()
    )


def test_over_http_and_on_the_console(plant: Plant, job: IngestJob) -> None:
    api = client_for(token_of(plant.tenant))
    finish(plant, job, **running())
    for _ in range(3):
        plant.schedule(plant.text("More."))
    shown = api.get("/v1/ingest-jobs").json()["results"]
    assert parse_datetime(shown[3]["expected_finish_at"] or "") is not None
    assert shown[0]["expected_finish_at"] is None and "ahead" in shown[0]["waiting_for"]
    browser = Client()
    browser.force_login(person(plant.tenant, Role.VIEWER))
    page = browser.get("/console/ingestion/ingestjob/").content.decode()
    assert "done in about" in page and "2 jobs of this tenant are ahead." in page
    detail = browser.get(f"/console/ingestion/ingestjob/{job.pk}/change/").content.decode()
    assert re.search(r'<time datetime="[^"]+">\d+ s</time>', detail)


def test_one_look_for_a_whole_page(plant: Plant, job: IngestJob) -> None:
    """The console's page; the API's is in the matrix's snapshot."""
    browser = Client()
    browser.force_login(person(plant.tenant, Role.VIEWER))
    path = "/console/ingestion/ingestjob/"

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert browser.get(path).status_code == 200
        return len(seen)

    queries()
    one = queries()
    for n in range(20):
        plant.schedule(plant.text(f"Text {n}."))
    assert queries() == one


def test_a_command_says_what_is_left(plant: Plant, job: IngestJob) -> None:
    finish(plant, job, **running())
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        with platform_scope("tests"):
            IngestJob.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)

    with platform_scope("tests"):
        follow([job.pk], tell)
    assert re.search(r"0/1 jobs, 40/100 chunks.*about (29|30) s left", said[0]), said
    assert "left" not in said[-1]


def test_an_attempt_that_goes_on_tells_no_less_than_the_last_one() -> None:
    told: list[tuple[int, int]] = []

    class Run:
        def progress(self, stage: object, done: int, total: int) -> None:
            told.append((done, total))

    progress = Progress(cast(JobRun, Run()), reached=300)
    progress.found(400)
    progress.advance(256)
    progress.advance(100)
    progress.found(2)  # a second look found more
    assert told == [(300, 400), (300, 400), (356, 400), (356, 402)]
