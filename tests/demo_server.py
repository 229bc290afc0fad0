"""``make demo`` for tests: its documents are read once in a run, each module serves a copy."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.once import once
from tests.processes import Processes, environment, free_port, processes, wait_for

# Crawls and batteries of questions ask more in a minute than a person does.
_NO_LIMITS = {"MINIRAG_RATE_API": "0", "MINIRAG_RATE_WIDGET": "0", "MINIRAG_RATE_CHAT": "0"}

_DRAFT = "demo.draft.json"


@contextmanager
def demo_server(factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A demo of the caller's own that is ready; what its ``demo.json`` says."""
    read = once(factory, "demo-read", _read_documents)
    data = factory.mktemp("demo") / "data"
    shutil.copytree(read / "data", data)
    (data / "demo.json").rename(data / _DRAFT)
    with processes(data.parent, environment(data, **_NO_LIMITS)) as group:
        yield _ready(group, data)


def _read_documents(folder: Path) -> None:
    """A first start, from nothing until all documents are read, and a clean end."""
    data = folder / "data"
    with processes(folder, environment(data)) as group:
        group.run("firstrun", [sys.executable, "-m", "minirag.firstrun"])
        _ready(group, data)
        group.started[-1].end()


def _ready(group: Processes, data: Path) -> dict[str, Any]:
    command = [sys.executable, "manage.py", "demo", "--port", str(free_port())]
    server = group.start("demo", command)
    announced = data / "demo.json"

    def ready() -> bool:
        assert server.running(), server.output
        return announced.exists() and not (data / _DRAFT).exists()

    wait_for("the demo is ready", ready, 180)
    state: dict[str, Any] = json.loads(announced.read_text())
    return state
