"""429 with Retry-After: the credential waits, all its jobs with it, and no job fails over it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from ingestion import pauses, tasks
from ingestion.claims import due_jobs
from ingestion.clock import database_now
from ingestion.models import CredentialPause, IngestJob, JobState
from ingestion.selectors import QueueView
from ingestion.services import cancel_job, schedule_ingest, schedule_reindex
from minirag.errors import ProviderUnavailable
from minirag.types import Credentials
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.doubles.openai_server import OpenAIDouble
from tests.ingestion.conftest import Embedder, Plant, beside, run_due
from tests.provider_fixtures import KEY, credentials
from usage.models import UsageEvent, UsageStatus

pytest_plugins = ["tests.provider_fixtures"]


class Asking(Embedder):
    """Asks to wait for ``seconds`` while there are ``times`` left of it."""

    seconds = 20.0
    times = 1

    def embed(self, texts: Any, *, purpose: Any) -> Any:
        if self.times > 0:
            self.times -= 1
            raise ProviderUnavailable("429", retry_after=self.seconds)
        return super().embed(texts, purpose=purpose)


@pytest.fixture
def asking(plant: Plant, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Asking:
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 300.0
    settings.MINIRAG_EMBED_PARALLEL = 1
    embedder = Asking()
    monkeypatch.setattr("minirag.wiring.embedder", lambda model, credentials: embedder)
    plant.embedder = embedder
    return embedder


def words(plant: Plant, job: IngestJob) -> str | None:
    with tenant_scope(plant.tenant.pk):
        return QueueView(plant.tenant.pk).waiting_for(plant.job(job))


def pause_of(plant: Plant) -> CredentialPause:
    with tenant_scope(plant.tenant.pk):
        found: CredentialPause = CredentialPause.objects.get()
        return found


def over() -> None:
    """The pause ends, as time would end it."""
    with platform_scope("tests"):
        CredentialPause.objects.update(until=database_now() - timedelta(seconds=1))
        IngestJob.objects.filter(state=JobState.QUEUED).update(not_before=None)


def test_all_jobs_of_the_credential_wait_and_none_counts_an_attempt(
    plant: Plant, asking: Asking
) -> None:
    jobs = [plant.schedule(plant.text(f"Text {n}.")) for n in range(3)]
    assert run_due() == 1, "one was refused; no worker was needed to tell the others"
    assert asking.calls == []
    for job in jobs:
        row = plant.job(job)
        assert (row.state, row.attempts, row.error) == (JobState.QUEUED, 0, None)
        said = words(plant, job) or ""
        assert said.startswith("The model provider asked to wait 20 s. Next try in "), said
    later = plant.schedule(plant.text("It came during the pause."))
    assert run_due() == 1 and asking.calls == [], "claimed once, put back before it was read"
    assert (plant.job(later).attempts, plant.job(later).state) == (0, JobState.QUEUED)
    over()
    assert run_due() == 4
    for job in (*jobs, later):
        assert (plant.job(job).state, plant.job(job).attempts) == (JobState.SUCCEEDED, 1)


def test_it_resumes_by_itself_and_never_gives_up(
    plant: Plant, asking: Asking, settings: Any
) -> None:
    settings.MINIRAG_JOB_ATTEMPTS = 2
    asking.seconds, asking.times = 0.05, 6
    job = plant.schedule(plant.text("Some text."))
    while plant.job(job).state in (JobState.QUEUED, JobState.RUNNING):
        run_due()
    row = plant.job(job)
    assert (row.state, row.attempts, asking.times) == (JobState.SUCCEEDED, 1, 0)


class OneAtATime(Embedder):
    """Answers every second call only, as a provider does that lets one in at a time."""

    batch_limit = 4

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self._turn = threading.Lock()

    def embed(self, texts: Any, *, purpose: Any) -> Any:
        with self._turn:
            if self.refused < len(self.calls):
                self.refused += 1
                raise ProviderUnavailable("429", retry_after=1.0)
            return super().embed(texts, purpose=purpose)


@pytest.mark.parametrize("kind", ["ingest", "reindex"])
def test_each_answer_is_kept_beside_a_refused_call(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, settings: Any, kind: str
) -> None:
    """No text is paid twice, and each turn gets ahead: it ends (INCIDENTS 92)."""
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 300.0
    settings.MINIRAG_EMBED_PARALLEL = 2
    monkeypatch.setattr("ingestion.pipeline.reindex._WINDOW", 12)
    source = plant.files(**{f"d{n}_md": f"# {n}\n\n{words_of(n)}" for n in range(6)})
    if kind == "reindex":
        plant.ingest(source)
    embedder = plant.embedder = OneAtATime()
    monkeypatch.setattr("minirag.wiring.embedder", lambda model, credentials: embedder)
    schedule = schedule_reindex if kind == "reindex" else schedule_ingest
    with tenant_scope(plant.tenant.pk):
        job = schedule(plant.auth, source)
    for _ in range(40):
        run_due()
        if plant.job(job).state == JobState.SUCCEEDED:
            break
        assert plant.job(job).state == JobState.QUEUED
        over()
    assert plant.job(job).state == JobState.SUCCEEDED
    plant.check(source)
    chunks = plant.chunks(source)
    assert embedder.refused > 3 and len(chunks) >= 24
    texts = [text for text in embedder.texts if text != "dimensions"]
    assert len(texts) == len(set(texts)) == len(chunks)
    with tenant_scope(plant.tenant.pk):
        events = UsageEvent.objects.filter(ingest_job_id=job.pk)
        settled = events.filter(status=UsageStatus.SETTLED, estimated=False)
        assert settled.count() == len(embedder.calls)
        assert set(events.values_list("status", flat=True)) == {"settled", "released"}


def words_of(number: int) -> str:
    return "\n\n".join(f"Part {part} of {number} says so. " * 6 for part in range(5))


def test_an_absurd_wait_is_bounded(plant: Plant, asking: Asking, settings: Any) -> None:
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 30.0
    asking.seconds = 10.0**9
    job = plant.schedule(plant.text("Some text."))
    run_due()
    now = database_now()
    assert 0 < (pause_of(plant).until - now).total_seconds() <= 30
    later = plant.job(job).not_before
    assert later is not None and (later - now).total_seconds() <= 33
    assert words(plant, job) is not None and "asked to wait 30 s" in (words(plant, job) or "")


def test_a_job_under_way_stops_before_its_next_call(plant: Plant, asking: Asking) -> None:
    """Another worker's job is told by the row, not by a 429 of its own."""
    asking.times = 0
    asking.batch_limit = 2
    asking.gate.clear()
    running = plant.schedule(plant.files(a_md="".join(f"# {n}\n\nPart {n}.\n\n" for n in range(8))))
    worker = beside(tasks.work)
    assert asking.entered.wait(10)
    with tenant_scope(plant.tenant.pk):
        CredentialPause.objects.create(
            tenant=plant.tenant,
            digest=pauses.digest_of(plant.tenant.pk, plant.tenant.embedding_model, Credentials()),
            until=database_now() + timedelta(seconds=60),
            asked_seconds=60,
        )
    asking.gate.set()
    worker.join(20)
    done = len(asking.texts)
    row = plant.job(running)
    assert row.state == JobState.QUEUED and "asked to wait 60 s" in row.waiting_for
    assert 0 < done < 8
    over()
    run_due()
    assert plant.job(running).state == JobState.SUCCEEDED
    assert len(asking.texts) == 8, "nothing was embedded twice"


def test_jobs_come_back_one_after_the_other(plant: Plant, asking: Asking) -> None:
    """No stampede at the pause's end, and none before it."""
    jobs = [plant.schedule(plant.text(f"Text {n}.")) for n in range(40)]
    run_due()
    until = pause_of(plant).until
    times = [plant.job(job).not_before for job in jobs]
    assert all(at is not None and at >= until for at in times)
    assert len(set(times)) >= 4
    assert max(at for at in times if at) <= until + timedelta(seconds=2.1)
    with platform_scope("tests"):
        assert not due_jobs(database_now()).exists()


def test_cancel_during_a_pause_works_at_once(plant: Plant, asking: Asking) -> None:
    job = plant.schedule(plant.text("Some text."))
    run_due()
    with tenant_scope(plant.tenant.pk):
        assert cancel_job(plant.auth, plant.job(job)).state == JobState.CANCELLED


def test_another_key_and_another_tenant_do_not_wait(
    plant: Plant, asking: Asking, other_tenant: Tenant
) -> None:
    plant.schedule(plant.text("Some text."))
    run_due()
    digest = pause_of(plant).digest
    model = plant.tenant.embedding_model
    assert digest == pauses.digest_of(plant.tenant.pk, model, Credentials())
    assert digest != pauses.digest_of(other_tenant.pk, model, Credentials())
    assert digest != pauses.digest_of(plant.tenant.pk, model, Credentials({"api_key": "sk-new"}))
    with platform_scope("tests"):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
        tenant.embedding_credentials = Credentials({"api_key": "sk-new"})
        tenant.save()
        IngestJob.objects.update(not_before=None)
    assert run_due() == 1
    assert plant.job(IngestJob(pk=_only())).state == JobState.SUCCEEDED


def _only() -> Any:
    with platform_scope("tests"):
        return IngestJob.objects.values_list("pk", flat=True).get()


@pytest.mark.usefixtures("provider_limits", "store", "quick")
def test_over_the_wire_the_key_is_asked_no_more(
    transactional_db: None,
    tenant: Tenant,
    openai_double: OpenAIDouble,
    settings: Any,
    store: Any,
) -> None:
    """A real 429 of a real server, and the provider's own meter."""
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 300.0
    settings.MINIRAG_PROVIDER_EMBED_TIMEOUT = 10.0
    key = f"{KEY}-paused"
    with platform_scope("tests"):
        tenant.embedding_model = "openai/text-embedding-3-small"
        tenant.embedding_credentials = credentials(openai_double, key)
        tenant.save()
    wired = Plant(tenant, Embedder(), store)
    first = wired.ingest(wired.text("Warm."))
    assert first.state == JobState.SUCCEEDED
    calls = openai_double.meters[key].calls
    openai_double.script(key, "429-retry")
    try:
        jobs = [wired.schedule(wired.text(f"Text {n}.")) for n in range(3)]
        before = len([one for one in openai_double.history if one.key == key])
        run_due()
        asked = len([one for one in openai_double.history if one.key == key]) - before
    finally:
        openai_double.by_key.pop(key)
    assert asked == 1
    said = words(wired, jobs[2]) or ""
    assert said.startswith("The model provider asked to wait 7 s.") and key not in said
    assert key not in pause_of(wired).digest
    over()
    run_due()
    assert {wired.job(job).state for job in jobs} == {JobState.SUCCEEDED}
    assert openai_double.meters[key].calls == calls + 3
