"""``kill -9`` before and after each crossing of an ingest: old whole or new whole, and it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.ingestion.killed_crossing import DOCUMENTS

# Kill points that the gate tries each time: others each day, and all of them within days.
_SHARE = 2


def program(folder: Path, *step: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "minirag.settings",
        "MINIRAG_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'kill.sqlite3'}",
        "REDIS_URL": "",
        "QDRANT_URL": "",
        "MINIRAG_CHUNK_SIZE": "16",
        "MINIRAG_CHUNK_OVERLAP": "0",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.ingestion.killed_crossing", *step],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a first version ingested and a second one waiting."""
    folder = tmp_path_factory.mktemp("prepared")
    done = program(folder, "prepare")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def crossings(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The crossings of an undisturbed run, in order."""
    folder = tmp_path_factory.mktemp("counted") / "data"
    shutil.copytree(prepared, folder)
    names: list[str] = answer(program(folder, "work"))
    return names


def try_point(prepared: Path, folder: Path, number: int, when: str) -> None:
    data = folder / f"{number}-{when}"
    shutil.copytree(prepared, data)
    killed = program(data, "work", str(number), when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    state, clean, half, new, pending = answer(program(data, "finish"))
    where = f"{when} crossing {number}"
    assert (state, clean, half, new) == ("succeeded", True, 0, DOCUMENTS), where
    assert pending == 0, where


def test_a_share_of_the_kill_points(prepared: Path, crossings: list[str], tmp_path: Path) -> None:
    assert {"embed", "upsert", "delete", "scroll_ids", "commit"} <= set(crossings)
    day = int(time.time() // 86_400)
    step = max(1, len(crossings) // _SHARE)
    for number in range(1 + day % step, len(crossings) + 1, step):
        try_point(prepared, tmp_path, number, "before" if (day + number) % 2 else "after")


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_kill_point(prepared: Path, crossings: list[str], tmp_path: Path, when: str) -> None:
    for number in range(1, len(crossings) + 1):
        try_point(prepared, tmp_path, number, when)
