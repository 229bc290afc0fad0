"""One server per data folder; commands beside it see who it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from minirag.errors import Unavailable
from minirag.server_lock import hold_server_lock, running_server


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.MINIRAG_DATA_DIR = tmp_path
    return tmp_path


def test_nobody_serves_a_fresh_folder() -> None:
    assert running_server() is None


def test_the_holder_is_named_while_it_holds() -> None:
    with hold_server_lock("http://127.0.0.1:8000"):
        assert running_server() == {"pid": os.getpid(), "base_url": "http://127.0.0.1:8000"}
    assert running_server() is None


def test_a_second_server_is_told_who_holds_the_folder() -> None:
    with (
        hold_server_lock("http://127.0.0.1:8000"),
        pytest.raises(Unavailable, match=rf"process {os.getpid()} at http://127.0.0.1:8000"),
        hold_server_lock("http://127.0.0.1:8001"),
    ):
        pass
    assert running_server() is None


def test_a_killed_server_leaves_no_lock(data_dir: Path) -> None:
    held = (
        "import fcntl, json, sys, time\n"
        f"handle = open({str(data_dir / 'server.lock')!r}, 'a+')\n"
        "fcntl.flock(handle, fcntl.LOCK_EX)\n"
        "json.dump({'pid': 1, 'base_url': 'x'}, handle); handle.flush()\n"
        "print('held', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert running_server() == {"pid": 1, "base_url": "x"}
    process.kill()
    process.wait()
    process.stdout.close()
    assert running_server() is None
