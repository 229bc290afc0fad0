"""The worker inside the server, and the one inside a command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bots.services import create_bot
from ingestion import tasks, worker
from ingestion.models import IngestJob, JobState
from minirag.celery import app
from sources.models import Source
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant


@pytest.fixture
def embedded(plant: Plant, settings: Any) -> Iterator[None]:
    settings.MINIRAG_SWEEP_SECONDS = 0.1
    worker.start()
    yield
    worker.stop()


def wait_for(plant: Plant, job: IngestJob) -> IngestJob:
    ends = time.monotonic() + 20
    while (row := plant.job(job)).state in (JobState.QUEUED, JobState.RUNNING):
        assert time.monotonic() < ends, "the worker did not come"
        time.sleep(0.05)
    return row


def test_the_embedded_worker_takes_what_is_scheduled(plant: Plant, embedded: None) -> None:
    sources = [plant.text(f"Text number {i}.") for i in range(5)]
    jobs = [plant.schedule(source) for source in sources]
    assert {wait_for(plant, job).state for job in jobs} == {JobState.SUCCEEDED}
    for source in sources:
        plant.check(source)


def test_a_restarted_server_goes_on_at_once(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_JOB_LEASE_SECONDS = 600
    job = plant.schedule(plant.text("Some text."))
    with platform_scope("tests"):
        IngestJob.objects.update(state=JobState.RUNNING, run_token=job.pk, lease_until=None)
    worker.start()
    try:
        row = wait_for(plant, job)
    finally:
        worker.stop()
    assert (row.state, row.crashes) == (JobState.SUCCEEDED, 1)


def test_files_from_the_shell(plant: Plant, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# A\n\nAlpha.")
    (folder / "sub" / "a.md").write_text("# Other A\n\nBeta.")
    (folder / ".hidden.md").write_text("secret")
    with tenant_scope(plant.tenant.pk):
        create_bot(plant.auth, name="Helper", slug="helper")
    for _ in range(2):
        out = StringIO()
        call_command("ingest", str(folder), bot="helper", stdout=out, stderr=StringIO())
        assert "2 documents" in out.getvalue()
    with tenant_scope(plant.tenant.pk):
        (source,) = Source.objects.filter(bots__slug="helper")
    assert set(plant.documents(source)) == {"docs - a.md", "sub - a.md"}
    assert len(plant.embedder.texts) == 2
    plant.check(source)


def test_files_that_fail_make_the_command_fail(plant: Plant, tmp_path: Path) -> None:
    """A folder's pictures are left out with a word; what should be readable and is not, fails."""
    image = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# A\n\nAlpha.")
    (docs / "chat.png").write_bytes(image)
    with tenant_scope(plant.tenant.pk):
        create_bot(plant.auth, name="Helper", slug="helper")

    def ingest(path: Path) -> str:
        told = StringIO()
        call_command("ingest", str(path), bot="helper", stdout=told, stderr=told)
        return told.getvalue()

    assert "chat.png is left out: This is an image" in ingest(docs)
    told = StringIO()
    with pytest.raises(CommandError, match="1 of the files"):
        call_command("ingest", str(docs / "chat.png"), bot="helper", stdout=told, stderr=told)
    assert "chat.png: This is an image" in told.getvalue()
    assert "chat.png:" not in ingest(docs / "a.md"), "an old failure of another file"
    (docs / "bad.pdf").write_bytes(b"not a PDF")
    with pytest.raises(CommandError, match="1 of the files"):
        ingest(docs)


def test_a_bad_path_or_bot_is_named(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        call_command("ingest", str(tmp_path / "none"), bot="helper")
    (tmp_path / "a.md").write_text("x")
    with pytest.raises(CommandError, match="no bot 'nobody'"):
        call_command("ingest", str(tmp_path / "a.md"), bot="nobody")


def test_reindex_rebuilds_a_wiped_store(plant: Plant) -> None:
    source = plant.files(a_md="# A\n\n" + "Alpha. " * 200, b_md="# B\n\nBeta.")
    plant.ingest(source)
    ids = [chunk.id for chunk in plant.chunks(source)]
    plant.wipe()
    assert plant.points(source) == set()
    out = StringIO()
    call_command("reindex", all=True, dry_run=True, stdout=out)
    assert f"{len(ids)} chunks" in out.getvalue() and plant.points(source) == set()
    call_command("reindex", all=True, stdout=out, stderr=StringIO())
    assert [chunk.id for chunk in plant.chunks(source)] == ids
    plant.check(source)


@pytest.mark.parametrize("lost", [1, 5])
def test_a_lost_wake_up_loses_no_job(
    plant: Plant, settings: Any, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """RED: accepted is done, whatever the broker forgets (INCIDENTS 82, 95)."""
    settings.MINIRAG_SWEEP_SECONDS = 0.05
    app.control.purge()  # what earlier tests published
    wake = tasks.work.apply_async
    forgotten: list[int] = []

    def forget_some(*args: Any, **options: Any) -> Any:
        if len(forgotten) < lost:
            forgotten.append(1)
            return None
        return wake(*args, **options)

    monkeypatch.setattr(tasks.work, "apply_async", forget_some)
    worker.start()
    try:
        job = plant.schedule(plant.text("Some text."))
        assert wait_for(plant, job).state == JobState.SUCCEEDED
    finally:
        worker.stop()
    assert len(forgotten) == lost


def test_a_broker_that_forgets_everything_loses_no_job(plant: Plant, settings: Any) -> None:
    """RED: what was accepted before and after the flush is done."""
    settings.MINIRAG_SWEEP_SECONDS = 0.05
    jobs = [plant.schedule(plant.text(f"Text {n}.")) for n in range(3)]
    app.control.purge()
    worker.start()
    try:
        app.control.purge()
        jobs.append(plant.schedule(plant.text("It came after.")))
        app.control.purge()
        assert {wait_for(plant, job).state for job in jobs} == {JobState.SUCCEEDED}
    finally:
        worker.stop()
    assert {plant.job(job).attempts for job in jobs} == {1}
