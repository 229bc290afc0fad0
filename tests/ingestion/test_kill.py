"""``kill -9`` in the middle of an ingest: afterwards everything is ready once, nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import ROOT
from tests.ingestion.killed_worker import DOCUMENTS


def program(step: str, folder: Path, database: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "minirag.settings",
        "MINIRAG_DATA_DIR": str(folder),
        "DATABASE_URL": database,
        "MINIRAG_CHUNK_SIZE": "64",
        "MINIRAG_CHUNK_OVERLAP": "0",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ingestion.killed_worker", step],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(calls: int, folder: Path, database: str) -> None:
    process = program("work", folder, database)
    assert process.stdout is not None
    for _ in range(calls):
        assert process.stdout.readline().startswith("embed")
    process.kill()
    process.wait()


def finish(folder: Path, database: str) -> tuple[list[str], int]:
    """The report's words, and how many texts were embedded in the last run."""
    process = program("work", folder, database)
    out, _ = process.communicate(timeout=60)
    lines = out.splitlines()
    texts = sum(int(line.split()[1]) for line in lines if line.startswith("embed"))
    assert lines[-1].startswith("report"), out
    return lines[-1].split()[1:], texts


def try_out(folder: Path, database: str) -> None:
    assert program("prepare", folder, database).wait(60) == 0
    kill_after(5, folder, database)
    kill_after(3, folder, database)
    (state, ready, chunks, same), texts = finish(folder, database)
    assert (state, int(ready), same) == ("succeeded", DOCUMENTS, "True")
    # What the killed workers had stored was not embedded again.
    assert texts < int(chunks)


@pytest.mark.long
def test_a_killed_worker_leaves_everything_ready_once(tmp_path: Path) -> None:
    try_out(tmp_path, f"sqlite:///{tmp_path / 'kill.sqlite3'}")


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty database of this test's own, beside the one that is named."""
    base, _, name = os.environ.get("DATABASE_URL", "").rpartition("/")
    assert base.startswith("postgres"), "DATABASE_URL names no PostgreSQL"
    own = f"kill_{uuid4().hex[:12]}"
    with psycopg.connect(f"{base}/{name}", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {own}")
        yield f"{base}/{own}"
        connection.execute(f"DROP DATABASE {own} WITH (FORCE)")


@pytest.mark.services
def test_a_killed_worker_on_postgresql(tmp_path: Path, postgres: str) -> None:
    try_out(tmp_path, postgres)
