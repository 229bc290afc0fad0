"""An embedded server on a data folder of its own, to be signalled, killed and copied."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from minirag.types import PointSelector, VectorSpace
from minirag.vectorstores.edge import EdgeStore
from tests.api_client import Api
from tests.doubles.openai_paced import PacedDouble
from tests.once import once
from tests.processes import Process, Processes, environment, free_port, new_secrets, processes

PROVIDER_KEY = "sk-house-0123456789"
MODEL = "openai/text-embedding-3-small"
QUICK = {
    "MINIRAG_SWEEP_SECONDS": "0.3",
    "MINIRAG_JOB_BACKOFF_SECONDS": "1",
    "MINIRAG_CHUNK_SIZE": "64",
    "MINIRAG_CHUNK_OVERLAP": "0",
    "OMP_NUM_THREADS": "1",
}


@dataclass(slots=True)
class House:
    """One data folder with one tenant, and the processes that use it."""

    folder: Path
    children: Processes
    token: str
    tenant_id: str
    port: int = 0
    server: Process | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def serve(self) -> Process:
        self.port = free_port()
        self.server = self.children.serve(self.port)
        return self.server

    def api(self) -> Api:
        return Api(self.port, self.token)

    def manage(self, *arguments: str, code: int = 0) -> str:
        return self.children.manage(*arguments, code=code)

    def manage_each(self, *lines: Sequence[str], code: int) -> list[str]:
        """Commands in one process, each of which must end with ``code``; what each printed."""
        command = [sys.executable, "-m", "tests.faults.commands", json.dumps(lines), str(code)]
        printed: list[str] = json.loads(self.children.run("commands", command))
        return printed

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Straight from the database file, whether or not a server runs."""
        file = f"file:{self.data / 'minirag.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(file, uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def points(self, model: str, dimensions: int) -> set[str]:
        """Ids of all points of the tenant; the server must be down."""
        store = EdgeStore(self.data / "vectors")
        try:
            space = VectorSpace(model, dimensions, 1)
            sources = [UUID(hex=pk) for (pk,) in self.rows("SELECT id FROM sources_source")]
            selector = PointSelector(source_ids=sources)
            return {one.hex for one in store.scroll_ids(space, UUID(self.tenant_id), selector)}
        finally:
            store.close()

    def use_remote_embeddings(self, double: PacedDouble) -> None:
        credentials = {"api_key": PROVIDER_KEY, "api_base": double.base_url}
        body = {"embedding_model": MODEL, "embedding_credentials": credentials}
        self.api().call("PATCH", "tenants/me", json=body)

    def make_bot(self, double: PacedDouble, model: str, source_ids: list[str]) -> str:
        bot = self.api().post(
            "bot-profiles",
            name="Bot",
            model=model,
            credentials={"api_key": PROVIDER_KEY, "api_base": double.base_url},
            source_ids=source_ids,
            score_threshold=0,
            query_rewrite="off",
        )
        return str(bot["id"])


# A data folder beside the template's own: migrated, and nobody in it.
EMPTY = "empty-data"


@dataclass(frozen=True, slots=True)
class Template:
    """A migrated folder with one tenant, to be copied: migrating takes seconds."""

    folder: Path
    secrets: dict[str, str]
    token: str
    tenant_id: str


def embedded_environment(folder: Path, **more: str) -> dict[str, str]:
    """Production, one process, loopback open for the provider's double."""
    return environment(
        folder / "data",
        **QUICK,
        MINIRAG_ENV="production",
        ALLOWED_HOSTS="rag.example.com",
        MINIRAG_STATIC_ROOT=str(folder / "static"),
        MINIRAG_EGRESS_ALLOW="provider:127.0.0.0/8",
        **more,
    )


def make_template(folder: Path) -> None:
    """Migrate and bootstrap; ``read_template`` tells what was made."""
    secrets = new_secrets()
    with processes(folder, embedded_environment(folder, **secrets)) as children:
        (folder / "static").mkdir()
        children.manage("migrate", "--noinput")
        shutil.copytree(folder / "data", folder / EMPTY)
        who = ("--name", "Acorn", "--email", "owner@acorn.test", "--json")
        made = json.loads(children.manage("bootstrap_tenant", *who))
    told = {"secrets": secrets, "token": made["api_token"], "tenant_id": made["tenant"]["id"]}
    (folder / "template.json").write_text(json.dumps(told))


def read_template(folder: Path) -> Template:
    """What ``make_template`` left there."""
    return Template(folder, **json.loads((folder / "template.json").read_text()))


def shared_template(factory: pytest.TempPathFactory) -> Template:
    """The one template of this run."""
    return read_template(once(factory, "template", make_template))


@contextmanager
def open_house(template: Template, folder: Path, **settings: str) -> Iterator[House]:
    """A copy of the template; its processes end with the block."""
    shutil.copytree(template.folder, folder, dirs_exist_ok=True)
    environ = embedded_environment(folder, **template.secrets, **settings)
    with processes(folder, environ) as children:
        yield House(folder, children, template.token, template.tenant_id)
