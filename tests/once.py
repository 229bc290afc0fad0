"""What is dear to make is made once in a run, for all its workers, and copied from there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of this run, filled by ``make`` for whoever comes first.

    Others wait for it. Where ``make`` fails, the next one tries again in an emptied place.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, attempt = root / name, 0
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            while (draft := root / f"{name}.{attempt}").exists():
                attempt += 1
            draft.mkdir()
            make(draft)
            draft.rename(folder)
    return folder
