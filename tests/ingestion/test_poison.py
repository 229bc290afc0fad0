"""ING-POISON: one poisonous document of a hundred fails alone (INCIDENTS 83)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import tasks
from ingestion.clock import database_now
from ingestion.models import IngestJob, JobState
from ingestion.parsing import sandbox
from ingestion.services import retry_job
from sources.models import DocumentStatus, Source, SourceStatus
from tenants.scope import platform_scope, tenant_scope
from tests.conftest import ROOT
from tests.ingestion.conftest import Embedder, Plant, code, run_due
from tests.ingestion.poisoned_worker import DOCUMENTS

FATES = ("SEGFAULT", "HANG", "OOM", "EXIT")


class Killed(BaseException):
    """The worker's process is gone in this very moment."""


class Dying(Embedder):
    """Dies of the words it is given."""

    def __init__(self, *poisons: str) -> None:
        super().__init__()
        self.poisons = poisons

    def embed(self, texts: Any, *, purpose: Any) -> Any:
        if any(poison in text for poison in self.poisons for text in texts):
            raise Killed
        return super().embed(texts, purpose=purpose)


def dying(plant: Plant, monkeypatch: pytest.MonkeyPatch, *poisons: str) -> Dying:
    embedder = Dying(*poisons)
    monkeypatch.setattr("minirag.wiring.embedder", lambda model, credentials: embedder)
    return embedder


def work_through_deaths() -> int:
    """Work until nothing is due, each time by another worker. Returns how many died."""
    deaths = 0
    while True:
        try:
            run_due()
            return deaths
        except Killed:
            deaths += 1
            with platform_scope("tests"):
                long_ago = database_now() - timedelta(days=1)
                IngestJob.objects.filter(state=JobState.RUNNING).update(lease_until=long_ago)
            tasks.sweep_once()


def many(plant: Plant, count: int, **poisons: str) -> Source:
    words = {f"d{n}_md": f"# Part {n}\n\nWord {n}." for n in range(count - len(poisons))}
    return plant.files(**words, **poisons)


def assert_alone(plant: Plant, source: Source, job: IngestJob, poisons: set[str]) -> None:
    documents = plant.documents(source)
    failed = {key for key, row in documents.items() if row.status == DocumentStatus.FAILED}
    assert failed == poisons
    assert {code(documents[key]) for key in failed} == {"unreadable_source"}
    ready = [row for row in documents.values() if row.status == DocumentStatus.READY]
    assert len(ready) == len(documents) - len(poisons)
    assert plant.job(job).state == JobState.PARTIAL
    assert plant.source(source).status == SourceStatus.PARTIAL
    plant.check(source)


@pytest.fixture
def brittle(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Parsers that break, in the real sandbox."""
    settings.MINIRAG_PARSE_SECONDS = 1
    settings.MINIRAG_PARSE_MEMORY_MB = 256
    command = (sys.executable, "-s", "-m", "tests.ingestion.poison_zygote")
    box = sandbox.Sandbox(command)
    monkeypatch.setattr(sandbox, "_sandbox", box)
    yield
    box.close()


@pytest.mark.usefixtures("brittle")
def test_documents_that_break_their_parser_fail_alone(plant: Plant) -> None:
    poisons = {f"p{fate}_md": f"# Poison\n\n{fate}" for fate in FATES}
    source = many(plant, 100, **poisons)
    job = plant.ingest(source)
    assert_alone(plant, source, job, {f"p{fate}.md" for fate in FATES})
    assert plant.job(job).attempts == 1


@pytest.mark.long
@pytest.mark.usefixtures("brittle")
@pytest.mark.parametrize("fate", FATES)
def test_one_of_a_hundred(plant: Plant, fate: str) -> None:
    source = many(plant, 100, poison_md=f"# Poison\n\n{fate}")
    assert_alone(plant, source, plant.ingest(source), {"poison.md"})


def test_a_document_that_kills_its_worker_fails_alone(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = dying(plant, monkeypatch, "arsenic")
    source = many(plant, 24, poison_md="# Poison\n\nSome arsenic.")
    job = plant.schedule(source)
    assert work_through_deaths() == 3
    assert_alone(plant, source, job, {"poison.md"})
    message = str((plant.documents(source)["poison.md"].error or {})["message"])
    assert "died 3 times" in message
    again = len(embedder.texts) - len(set(embedder.texts))
    assert again <= 16, "twice at most what went beside the poison in its first round"


def test_two_poisons_in_one_window(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    dying(plant, monkeypatch, "arsenic", "cyanide")
    source = many(plant, 24, a_md="# A\n\nSome arsenic.", c_md="# C\n\nSome cyanide.")
    job = plant.schedule(source)
    assert work_through_deaths() == 4
    assert_alone(plant, source, job, {"a.md", "c.md"})


def test_a_retry_gives_it_another_chance(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = dying(plant, monkeypatch, "arsenic")
    source = plant.files(good_md="# Good\n\nWater.", poison_md="# Poison\n\nSome arsenic.")
    job = plant.schedule(source)
    work_through_deaths()
    assert plant.job(job).state == JobState.PARTIAL
    embedder.poisons = ()
    with tenant_scope(plant.tenant.pk):
        retry_job(plant.auth, plant.job(job))
    assert work_through_deaths() == 0
    assert plant.job(job).state == JobState.SUCCEEDED
    plant.check(source)


def test_a_source_that_is_one_poison_fails(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    dying(plant, monkeypatch, "arsenic")
    source = plant.text("Some arsenic.")
    job = plant.schedule(source)
    assert work_through_deaths() == 3
    row = plant.job(job)
    assert row.state == JobState.FAILED and code(row) == "unreadable_source"


def test_where_every_document_kills_the_job_ends(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """It is not the documents then: a machine out of memory must not be tried for ever."""
    settings.MINIRAG_JOB_CRASHES, settings.MINIRAG_JOB_POISONS = 2, 2
    dying(plant, monkeypatch, "Part")
    source = plant.files(**{f"d{n}_md": f"# Part {n}\n\nWord {n}." for n in range(8)})
    job = plant.schedule(source)
    assert work_through_deaths() <= 1 + 8 + 3
    row = plant.job(job)
    assert row.state == JobState.FAILED and code(row) == "internal"


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "minirag.settings",
        "MINIRAG_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'poison.sqlite3'}",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.ingestion.poisoned_worker", *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("where", ["at-embed", "at-load"])
def test_kill_9_whenever_it_is_under_way(tmp_path: Path, where: str) -> None:
    assert program(tmp_path, "prepare").returncode == 0
    deaths = 0
    while (ended := program(tmp_path, "work", where)).returncode == -signal.SIGKILL:
        deaths += 1
        assert deaths <= 3
    assert ended.stdout.splitlines()[-1].split()[1:] == [
        "partial", "partial", str(DOCUMENTS - 1), "d41.md:unreadable_source"
    ]  # fmt: skip
    assert deaths == 3
