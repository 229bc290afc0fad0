"""Plugins of all tests. Their environment is set earlier, by ``tests.environment``."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minirag.statics import StaticFilesMiddleware

pytest_plugins = ["tests.network_blocker", "tests.cast", "tests.doubles.websites"]

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_finish() -> None:
    """The thousands of tests stay: no later collection of garbage needs to look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_found_once() -> Iterator[None]:
    """Each test client has middleware of its own, and each would look through all the files."""
    look = StaticFilesMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def add_files(self: Any) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    patch = pytest.MonkeyPatch()
    patch.setattr(StaticFilesMiddleware, "add_files_from_finders", add_files)
    yield
    patch.undo()
