"""Deletes reach the index, the files and the rows, also when the store is away at first."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ingestion import tasks
from ingestion.models import IngestJob, JobKind, JobState
from ingestion.services import cancel_job, schedule_delete, schedule_document_delete
from minirag.errors import Conflict
from sources.models import Chunk, Document, Source
from sources.orphans import remove_orphans
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant, beside, run_due


def delete(plant: Plant, source: Source) -> IngestJob:
    with tenant_scope(plant.tenant.pk):
        return schedule_delete(plant.auth, source)


def left(source: Source) -> tuple[int, int, int]:
    with platform_scope("tests"):
        return (
            Source.objects.filter(pk=source.pk).count(),
            Document.objects.filter(source_id=source.pk).count(),
            Chunk.objects.filter(source_id=source.pk).count(),
        )


def test_a_deleted_source_leaves_no_folder(plant: Plant) -> None:
    source = plant.files(a_md="# A\n\nText.")
    plant.ingest(source)
    folder = f"{plant.tenant.pk}/{source.pk}"
    assert default_storage.exists(folder)
    with tenant_scope(plant.tenant.pk):
        schedule_document_delete(plant.auth, Document.objects.get(source=source))
    run_due()
    assert default_storage.exists(folder)  # it stands: more files may come
    delete(plant, source)
    run_due()
    assert not default_storage.exists(folder)
    # One that stood when a process died goes with the hourly round; others' stay.
    other = plant.files(a_md="# A\n\nText.")
    default_storage.save(f"{folder}/left", ContentFile(b"x"))
    with platform_scope("tests"):
        remove_orphans(timedelta(hours=1))
        assert default_storage.exists(folder)  # its file may be on its way
        remove_orphans(timedelta(seconds=-1))
    assert not default_storage.exists(folder)
    assert default_storage.exists(f"{plant.tenant.pk}/{other.pk}")


def test_a_deleted_source_leaves_nothing(plant: Plant) -> None:
    """INCIDENTS 86: deleting leaves vectors behind."""
    source = plant.files(a_md="# A\n\nText.", b_md="# B\n\nText.")
    plant.ingest(source)
    names = [d.upload for d in plant.documents(source).values()]
    assert all(default_storage.exists(name) for name in names)
    job = delete(plant, source)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    assert plant.points(source) == set() and left(source) == (0, 0, 0)
    assert not any(default_storage.exists(name) for name in names)


def test_a_store_that_is_down_delays_a_delete_and_loses_nothing(plant: Plant) -> None:
    """INCIDENTS 87: rows removed first, the vector delete fails, nobody can find the rest."""
    source = plant.text("Some text.")
    plant.ingest(source)
    plant.store.down = True
    job = delete(plant, source)
    assert tasks.work_once()
    row = plant.job(job)
    assert row.state == JobState.QUEUED and "store" in row.waiting_for
    assert left(source)[0] == 1 and plant.points(source)
    plant.store.down = False
    with platform_scope("tests"):
        IngestJob.objects.update(not_before=None)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    assert plant.points(source) == set() and left(source) == (0, 0, 0)


def test_a_store_that_is_down_delays_an_ingest(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 0.001
    source = plant.text("Some text.")
    plant.store.down = True
    job = plant.schedule(source)
    assert tasks.work_once() and plant.job(job).state == JobState.QUEUED
    plant.store.down = False
    while plant.job(job).state == JobState.QUEUED:
        run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    plant.check(source)


def test_deleting_while_an_ingest_runs(plant: Plant) -> None:
    source = plant.text("Some text. " * 50)
    plant.embedder.gate.clear()
    ingest = plant.schedule(source)
    worker = beside(tasks.work)
    assert plant.embedder.entered.wait(10)
    job = delete(plant, source)
    worker.join(10)
    plant.embedder.gate.set()
    assert plant.job(ingest).state == JobState.CANCELLED
    while plant.job(job).state in (JobState.QUEUED, JobState.RUNNING):
        run_due()
    assert plant.points(source) == set() and left(source) == (0, 0, 0)


def test_one_document_of_several(plant: Plant) -> None:
    source = plant.files(a_md="# A\n\nText.", b_md="# B\n\nText.")
    plant.ingest(source)
    document = plant.documents(source)["a.md"]
    with tenant_scope(plant.tenant.pk):
        job = schedule_document_delete(plant.auth, document)
        assert schedule_document_delete(plant.auth, document).pk == job.pk
    assert set(plant.documents(source)) == {"b.md"}
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    assert left(source)[:2] == (1, 1)
    assert not default_storage.exists(document.upload)
    plant.check(source)


def test_a_document_deleted_during_its_own_ingest_does_not_come_back(plant: Plant) -> None:
    source = plant.files(a_md="# A\n\nText.")
    plant.embedder.gate.clear()
    job = plant.schedule(source)
    worker = beside(tasks.work)
    assert plant.embedder.entered.wait(10)
    with tenant_scope(plant.tenant.pk):
        schedule_document_delete(plant.auth, plant.documents(source)["a.md"])
    plant.embedder.gate.set()
    worker.join(20)
    while run_due():
        pass
    assert plant.job(job).state in (JobState.SUCCEEDED, JobState.FAILED)
    assert plant.points(source) == set() and left(source) == (1, 0, 0)


def test_a_deletion_cannot_be_cancelled_and_never_gives_up(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_JOB_ATTEMPTS = 1
    source = plant.text("Some text.")
    plant.ingest(source)
    plant.store.down = True
    job = delete(plant, source)
    for _ in range(3):
        with platform_scope("tests"):
            IngestJob.objects.filter(kind=JobKind.DELETE).update(not_before=None)
        assert tasks.work_once()
    assert plant.job(job).state == JobState.QUEUED
    with tenant_scope(plant.tenant.pk), pytest.raises(Conflict):
        cancel_job(plant.auth, job)


def test_a_source_that_was_never_ingested(plant: Plant) -> None:
    source = plant.text("Some text.")
    begun = time.monotonic()
    job = delete(plant, source)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED and left(source) == (0, 0, 0)
    assert time.monotonic() - begun < 5
