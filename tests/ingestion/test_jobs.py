"""Jobs always end, run once at a time, and take turns."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from kombu.exceptions import OperationalError

from ingestion import tasks
from ingestion.claims import claim, requeue_expired
from ingestion.clock import database_now
from ingestion.leases import JobRun, LeaseLost
from ingestion.models import IngestJob, JobState, TenantTurn
from ingestion.parsing.batches import parse_many
from ingestion.pipeline import reading as reading_module
from ingestion.selectors import QueueView
from ingestion.services import cancel_job, retry_job, schedule_ingest, schedule_reindex
from minirag.errors import Conflict, QuotaExceeded
from minirag.types import TokenUsage
from sources.models import Source, SourceStatus, SourceType
from tenants.context import system_context
from tenants.models import AuditEvent, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import client_for, token_of
from tests.ingestion.conftest import Plant, beside, code, run_due
from usage import ledger
from usage.models import UsageEvent, UsageKind


def claimed() -> IngestJob | None:
    with platform_scope("tests"):
        return claim("test worker")


def until(condition: Any, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


def test_small_tenants_do_not_wait_for_large_ones(
    plant: Plant, other_tenant: Tenant, settings: Any
) -> None:
    settings.MINIRAG_JOBS_PER_TENANT = 100
    for i in range(20):
        plant.schedule(plant.text(f"Text {i}."))
    assert claimed() is not None
    with tenant_scope(other_tenant.pk):
        source = Source.objects.create(
            tenant=other_tenant, name="S", type=SourceType.TEXT, content="Small."
        )
        small = schedule_ingest(system_context(other_tenant.pk, "tests"), source)
    order = [claimed(), claimed()]
    assert small.pk in [job.pk for job in order if job]


def test_a_tenant_runs_so_many_jobs_at_a_time(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_JOBS_PER_TENANT = 2
    for i in range(4):
        plant.schedule(plant.text(f"Text {i}."))
    assert [claimed() is not None for _ in range(3)] == [True, True, False]


def test_a_source_is_worked_on_by_one_at_a_time(plant: Plant) -> None:
    source = plant.text("Some text.")
    first = plant.schedule(source)
    with tenant_scope(plant.tenant.pk):
        second = schedule_reindex(plant.auth, source)
    taken = claimed()
    assert taken is not None and taken.pk == first.pk
    assert claimed() is None
    with tenant_scope(plant.tenant.pk):
        words = QueueView(plant.tenant.pk).waiting_for(second)
    assert words == "Another job of this source is running."


def test_a_second_request_joins_the_first(plant: Plant) -> None:
    source = plant.text("Some text.")
    first, second = plant.schedule(source), plant.schedule(source)
    assert first.pk == second.pk
    assert plant.source(source).status == SourceStatus.QUEUED
    with tenant_scope(plant.tenant.pk):
        assert AuditEvent.objects.filter(action="source.ingest").count() == 2


def test_jobs_of_a_suspended_tenant_rest(plant: Plant) -> None:
    job = plant.schedule(plant.text("Some text."))
    with platform_scope("tests"):
        Tenant.objects.update(suspended_at=job.created_at)
    assert claimed() is None


def test_a_broker_that_is_down_fails_no_request(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INCIDENTS 95: the broker is not the truth."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.work, "apply_async", refuse)
    job = plant.schedule(plant.text("Some text."))
    assert run_due() == 1
    assert plant.job(job).state == JobState.SUCCEEDED


def test_double_delivery_is_harmless(plant: Plant) -> None:
    source = plant.text("Some text. " * 40)
    job = plant.schedule(source)
    workers = [beside(tasks.work) for _ in range(4)]
    for worker in workers:
        worker.join(20)
    row = plant.job(job)
    assert (row.state, row.attempts) == (JobState.SUCCEEDED, 1)
    # The same words are embedded once, however many chunks say them.
    assert len(plant.embedder.texts) == len({chunk.text for chunk in plant.chunks(source)})
    plant.check(source)


def test_a_slow_but_living_job_is_never_taken_over(plant: Plant, settings: Any) -> None:
    """INCIDENTS 84: a watchdog killed live indexing."""
    settings.MINIRAG_JOB_LEASE_SECONDS = 0.4
    plant.embedder.gate.clear()
    job = plant.schedule(plant.text("Some text."))
    worker = beside(tasks.work)
    assert plant.embedder.entered.wait(10)
    ends = time.monotonic() + 1.2
    while time.monotonic() < ends:
        assert tasks.sweep_once() == 0
        time.sleep(0.05)
    plant.embedder.gate.set()
    worker.join(20)
    row = plant.job(job)
    assert (row.state, row.attempts, row.crashes) == (JobState.SUCCEEDED, 1, 0)


def expire(job: IngestJob) -> None:
    with platform_scope("tests"):
        row = IngestJob.objects.get(pk=job.pk)
        IngestJob.objects.filter(pk=job.pk).update(lease_until=row.created_at - timedelta(days=1))


def taken_away(plant: Plant) -> IngestJob:
    """A job as the worker held it whose lease has ended: it is queued again."""
    job = plant.schedule(plant.text("Some text."))
    dead = claimed()
    assert dead is not None
    expire(job)
    with platform_scope("tests"):
        assert requeue_expired() == 1
    return dead


def test_a_dead_workers_job_is_taken_over_and_the_dead_write_nothing(plant: Plant) -> None:
    """INCIDENTS 81: stuck in indexing for ever."""
    dead = taken_away(plant)
    with platform_scope("tests"):
        assert requeue_expired() == 0
    assert run_due() == 1
    row = plant.job(dead)
    assert (row.state, row.attempts, row.crashes) == (JobState.SUCCEEDED, 2, 1)
    with tenant_scope(plant.tenant.pk):
        late = JobRun(dead)
        assert late.end(JobState.FAILED) is False
        assert late.requeue(0, "late") is False
        with pytest.raises(LeaseLost):
            late.confirm()
    assert plant.job(dead).state == JobState.SUCCEEDED


def test_the_calls_of_a_dead_worker_are_closed_when_its_job_is_taken_away(plant: Plant) -> None:
    job = plant.schedule(plant.text("Words."))
    held = claimed()
    assert held is not None
    expire(job)
    with tenant_scope(plant.tenant.pk):
        ledger.reserve(
            tenant_id=plant.tenant.pk, kind=UsageKind.EMBEDDING, model="fake/embedder",
            estimate=TokenUsage(50), ingest_job_id=job.pk,
        )  # fmt: skip
    with platform_scope("tests"):
        assert requeue_expired() == 1
    with tenant_scope(plant.tenant.pk):
        call = UsageEvent.objects.get()
    assert (call.status, call.input_tokens, call.estimated) == ("settled", 50, True)


def test_the_dead_do_not_write_while_their_successor_works(plant: Plant) -> None:
    """The job runs, as when it was theirs: only the token of the run tells them apart."""
    dead = taken_away(plant)
    successor = claimed()
    assert successor is not None and successor.pk == dead.pk
    with tenant_scope(plant.tenant.pk):
        late = JobRun(dead)
        assert late.end(JobState.FAILED) is False
        assert late.requeue(0, "late") is False
        for write in (late.confirm, lambda: late.begin(["text"])):
            with pytest.raises(LeaseLost):
                write()
        row = plant.job(dead)
        assert (row.state, row.run_token) == (JobState.RUNNING, successor.run_token)
        assert row.under_way == []
        assert JobRun(successor).end(JobState.SUCCEEDED) is True


def test_a_job_that_kills_its_workers_fails_at_the_third(plant: Plant) -> None:
    source = plant.text("Some text.")
    job = plant.schedule(source)
    for _ in range(3):
        assert claimed() is not None
        expire(job)
        tasks.sweep_once()
    row = plant.job(job)
    assert row.state == JobState.FAILED and code(row) == "internal"
    assert row.finished_at is not None
    assert plant.source(source).status == SourceStatus.FAILED
    assert claimed() is None


def test_a_broken_job_in_whose_place_a_later_one_waits_ends(plant: Plant) -> None:
    source = plant.text("Some text.")
    first = plant.schedule(source)
    assert claimed() is not None
    second = plant.schedule(source)
    assert second.pk != first.pk
    expire(first)
    tasks.sweep_once()
    assert plant.job(first).state == JobState.CANCELLED
    assert run_due() == 1
    assert plant.job(second).state == JobState.SUCCEEDED


def test_a_queued_job_is_cancelled_at_once(plant: Plant) -> None:
    source = plant.text("Some text.")
    job = plant.schedule(source)
    with tenant_scope(plant.tenant.pk):
        assert cancel_job(plant.auth, job).state == JobState.CANCELLED
        with pytest.raises(Conflict):
            cancel_job(plant.auth, job)
    assert plant.source(source).status == SourceStatus.PENDING
    assert claimed() is None


@pytest.mark.parametrize("stage", ["parse", "embed", "index"])
def test_cancel_acts_within_seconds_at_each_stage(
    plant: Plant, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = plant.text("Some text.")
    entered, gate = plant.embedder.entered, plant.embedder.gate
    if stage == "index":
        entered, gate = plant.store.entered, plant.store.gate
    gate.clear()
    if stage == "parse":

        def slow(raws: Any, *others: Any) -> Any:
            entered.set()
            assert gate.wait(30)
            return parse_many(raws, *others)

        monkeypatch.setattr(reading_module, "parse_many", slow)
    job = plant.schedule(source)
    worker = beside(tasks.work)
    assert entered.wait(10)
    with tenant_scope(plant.tenant.pk):
        cancel_job(plant.auth, job)
    begun = time.monotonic()
    worker.join(10)
    assert time.monotonic() - begun < 3
    assert plant.job(job).state == JobState.CANCELLED
    assert plant.source(source).status == SourceStatus.PENDING
    assert {d.status for d in plant.documents(source).values()} == {"pending"}
    gate.set()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    plant.check(source)


def test_a_cancelled_embedding_call_is_metered_once(plant: Plant) -> None:
    plant.embedder.gate.clear()
    job = plant.schedule(plant.text("Some text."))
    worker = beside(tasks.work)
    assert plant.embedder.entered.wait(10)
    with tenant_scope(plant.tenant.pk):
        cancel_job(plant.auth, job)
    worker.join(10)
    plant.embedder.gate.set()
    with tenant_scope(plant.tenant.pk):
        events = list(UsageEvent.objects.filter(ingest_job_id=job.pk))
    assert [(e.status, e.estimated) for e in events] == [("settled", True)]


def test_a_used_up_limit_fails_the_job_with_its_code(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise QuotaExceeded

    monkeypatch.setattr(ledger, "reserve_call", refuse)
    source = plant.text("Some text.")
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and code(job) == "quota_exceeded"
    assert plant.embedder.calls == [] and plant.points(source) == set()


def test_an_unforeseen_error_ends_the_job(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(reading_module, "facts_of", broken)
    job = plant.ingest(plant.text("Some text."))
    assert job.state == JobState.FAILED and code(job) == "internal"
    assert "secret" not in str(job.error)


def test_a_long_job_makes_room_for_other_tenants(
    plant: Plant, other_tenant: Tenant, settings: Any
) -> None:
    settings.MINIRAG_JOB_SLICE_SECONDS = 0
    plant.embedder.batch_limit = 1
    settings.MINIRAG_EMBED_PARALLEL = 1
    source = plant.files(**{f"d{i}_md": f"# {i}\n\nDocument {i}." for i in range(4)})
    large = plant.schedule(source)
    with tenant_scope(other_tenant.pk):
        other = Source.objects.create(
            tenant=other_tenant, name="S", type=SourceType.TEXT, content="Small."
        )
        small = schedule_ingest(system_context(other_tenant.pk, "tests"), other)
    assert tasks.work_once() and plant.job(large).state == JobState.QUEUED
    assert tasks.work_once() and plant.job(small).state == JobState.SUCCEEDED
    run_due()
    row = plant.job(large)
    assert (row.state, row.attempts) == (JobState.SUCCEEDED, 1)
    assert len(plant.embedder.texts) == 5


def test_retry_runs_an_ended_job_again(plant: Plant) -> None:
    source = plant.files(bad_pdf=b"%PDF-1.7 not one", good_md="# Good\n\nText.")
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL
    plant.upload(source, bad_pdf=b"now it is plain text")
    with tenant_scope(plant.tenant.pk):
        again = retry_job(plant.auth, job)
        assert again.pk == job.pk and again.state == JobState.QUEUED
        with pytest.raises(Conflict):
            retry_job(plant.auth, job)
    run_due()
    assert plant.job(job).state in (JobState.SUCCEEDED, JobState.PARTIAL)


def test_a_retried_job_shows_nothing_of_its_old_run(plant: Plant) -> None:
    job = plant.ingest(plant.files(bad_pdf=b"%PDF-1.7 not one", good_md="# Good\n\nText."))
    long_ago = database_now() - timedelta(hours=1)
    with platform_scope("tests"):
        IngestJob.objects.update(created_at=long_ago, error={"code": "internal", "message": "x"})
        TenantTurn.objects.update(served_at=long_ago)
    api: Client = client_for(token_of(plant.tenant))
    path = f"/v1/ingest-jobs/{job.pk}"
    old = api.get(path).json()
    assert old["progress"]["stage"] and old["finished_at"] and old["attempts"] == 1
    answer = api.post(f"{path}/retry", {}, content_type="application/json").json()
    assert answer == api.get(path).json() | {"expected_finish_at": answer["expected_finish_at"]}
    assert (answer["state"], answer["error"], answer["attempts"]) == ("queued", None, 0)
    assert answer["started_at"] is None and answer["finished_at"] is None
    assert answer["progress"] == {"stage": None, "done": 0, "total": 0}
    assert answer["waiting_for"] == "A worker takes it next.", "it has not waited for an hour"


def test_jobs_over_http(plant: Plant) -> None:
    api: Client = client_for(token_of(plant.tenant))
    source = plant.text("Some text.")
    job = plant.schedule(source)
    shown = api.get(f"/v1/ingest-jobs/{job.pk}").json()
    assert shown["state"] == "queued" and shown["waiting_for"]
    assert shown["progress"] == {"stage": None, "done": 0, "total": 0}

    def post(action: str) -> Any:
        return api.post(f"/v1/ingest-jobs/{job.pk}/{action}", {}, content_type="application/json")

    assert post("cancel").json()["state"] == "cancelled"
    assert post("cancel").status_code == 409
    answer = post("retry")
    assert answer.status_code == 202 and answer.json()["state"] == "queued"
    run_due()
    listed = api.get(f"/v1/ingest-jobs?source_id={source.pk}&state=succeeded").json()["results"]
    assert [row["id"] for row in listed] == [str(job.pk)]
    assert listed[0]["progress"] == {"stage": "sweep", "done": 1, "total": 1}
    assert listed[0]["waiting_for"] is None and listed[0]["error"] is None
    assert api.get("/v1/ingest-jobs?state=nonsense").status_code == 400
