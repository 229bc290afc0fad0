"""A throw-away data folder, Django set up on it, and the embedded server as a child."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.api_client import Api
from tests.processes import (
    Process,
    Processes,
    environment,
    free_port,
    new_secrets,
    processes,
    wait_until_up,
)

# Limits that a benchmark would run into.
WIDE = {
    "MINIRAG_ENV": "development",
    "MINIRAG_FAKES": "1",
    "MINIRAG_RATE_API": "0",
    "MINIRAG_RATE_CHAT": "0",
    "MINIRAG_MAX_STREAMS": "100000",
    "MINIRAG_EGRESS_ALLOW": "provider:127.0.0.0/8",
    "MINIRAG_LOG_LEVEL": "WARNING",
}


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="minirag-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings_for(folder: Path, **more: str) -> dict[str, str]:
    """The environment of this run; the machine's own services stay out of it."""
    return environment(folder / "data", **new_secrets(), **WIDE, **more)


def in_process(environ: dict[str, str]) -> None:
    """Make ``environ`` this process's own, before Django reads it."""
    for name in ("DATABASE_URL", "REDIS_URL", "QDRANT_URL"):
        os.environ.pop(name, None)
    os.environ.update({k: v for k, v in environ.items() if k != "PATH"})
    os.environ["DJANGO_SETTINGS_MODULE"] = "minirag.settings"


@dataclass(slots=True)
class Bench:
    """A migrated folder with one tenant, and children that end with the block."""

    folder: Path
    children: Processes
    token: str
    tenant_id: str
    port: int = 0

    def serve(self) -> Process:
        self.port = free_port()
        return self.children.serve(self.port)

    def api(self) -> Api:
        return Api(self.port, self.token)

    def provider(self) -> str:
        """Start the paced OpenAI double in a process of its own; its base URL."""
        port = free_port()
        command = [sys.executable, "-m", "tests.doubles.openai_paced", "--port", str(port)]
        process = self.children.start("provider", command)
        wait_until_up(process, port, path="/v1/models")
        return f"http://127.0.0.1:{port}/v1"


@contextmanager
def bench(environ: dict[str, str], folder: Path) -> Iterator[Bench]:
    """Migrate, make a tenant, hand over."""
    with processes(folder, environ) as children:
        children.manage("migrate", "--noinput", "--verbosity", "0")
        who = ("--name", "Bench", "--email", "bench@example.test", "--json")
        made = json.loads(children.manage("bootstrap_tenant", *who))
        yield Bench(folder, children, made["api_token"], made["tenant"]["id"])
