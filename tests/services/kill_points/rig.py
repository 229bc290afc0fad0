"""Lanes on which cases run side by side: each has its own database, wires, queue and clerk."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import redis

from tests.doubles.openai_server import OpenAIDouble
from tests.doubles.websites import Site, serve
from tests.doubles.wire import Wire, switchboard
from tests.processes import Process, environment, free_port, new_secrets, processes, wait_for
from tests.services.kill_points.order import Order
from tests.services.stack import address, moved

LEASE = 1.5
QUICK = {
    "MINIRAG_JOB_LEASE_SECONDS": str(LEASE),
    "MINIRAG_JOB_HEARTBEAT_SECONDS": "0.4",
    "MINIRAG_SWEEP_SECONDS": "0.25",
    "MINIRAG_JOB_BACKOFF_SECONDS": "0.3",
    "MINIRAG_CHUNK_SIZE": "32",
    "MINIRAG_CHUNK_OVERLAP": "0",
    "MINIRAG_DB_POOL": "6",
    "MINIRAG_LOG_LEVEL": "WARNING",
    "OMP_NUM_THREADS": "1",
}
WIRES = ("database", "redis", "qdrant", "provider", "site")


class Part:
    """A forked process that waits for its start."""

    def __init__(self, path: Path, order: Order) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))
        self._line = self._socket.makefile("rw", encoding="utf-8")
        self._socket.sendall(order.as_line())
        self.pid = int(self._line.readline())
        # Numbers are used again, and thousands of parts come and go beside other processes.
        self._process = os.pidfd_open(self.pid)

    def go(self) -> None:
        self._line.write("go\n")
        self._line.flush()

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A clerk's answer."""
        self._line.write(json.dumps([command, arguments]) + "\n")
        self._line.flush()
        answer = self._line.readline()
        assert answer, f"the clerk died over {command}"
        found: dict[str, Any] = json.loads(answer)
        return found

    def kill(self) -> None:
        """``kill -9``. Gone already is gone."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. Gone already is gone."""
        with suppress(ProcessLookupError):
            if self._process >= 0:
                signal.pidfd_send_signal(self._process, number)

    def say_where(self) -> None:
        """End it with the stacks of its threads in the zygote's output."""
        self.send(signal.SIGABRT)
        wait_for("it is gone", lambda: not Path(f"/proc/{self.pid}/maps").read_bytes(), 5)

    def close(self) -> None:
        self.kill()
        if self._process >= 0:
            os.close(self._process)
        self._process = -1
        self._line.close()
        self._socket.close()


@dataclass(slots=True)
class Lane:
    """One case at a time runs here."""

    fork: Callable[[Order], Part]
    direct: Order
    wires: dict[str, Wire]
    clerk: Part
    beat: Part

    def worker(self) -> Part:
        """A worker behind the wires, waiting for its start."""
        wires = self.wires
        return self.fork(
            replace(
                self.direct,
                part="worker",
                database_port=wires["database"].port,
                redis_url=moved(self.direct.redis_url, wires["redis"]),
                qdrant_url=f"http://127.0.0.1:{wires['qdrant'].port}",
            )
        )

    def forget_messages(self) -> None:
        """What an earlier case left in the queue is none of the next one's business."""
        client = redis.Redis.from_url(self.direct.redis_url)
        if keys := list(client.scan_iter(f"{self.direct.redis_prefix}*")):
            client.delete(*keys)
        client.close()


@dataclass(slots=True)
class Rig:
    """All lanes and what they share."""

    lanes: list[Lane]
    openai: OpenAIDouble
    site: Site
    qdrant_url: str
    zygote: Process
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget_collection(self, model: str) -> None:
        """Drop the collections of a case that is over: each holds files and memory."""
        names = httpx.get(f"{self.qdrant_url}/collections").json()["result"]["collections"]
        for one in names:
            if model in one["name"]:
                httpx.delete(f"{self.qdrant_url}/collections/{one['name']}").raise_for_status()

    def violations(self) -> list[str]:
        found: list[str] = httpx.get(f"{self.qdrant_url}/violations").json()
        return found


@contextmanager
def running_rig(folder: Path, lanes: int) -> Iterator[Rig]:
    """Everything up, ``lanes`` of it, and nothing left behind."""
    database = urlsplit(os.environ["DATABASE_URL"])
    name = f"minirag_kill_{uuid4().hex[:10]}"
    with ExitStack() as stack:
        openai = stack.enter_context(OpenAIDouble())
        open_wire = stack.enter_context(switchboard())
        site = Site()
        web = serve(site)
        stack.callback(web.server_close)
        stack.callback(web.shutdown)
        children = stack.enter_context(processes(folder, _environment(folder)))
        port = free_port()
        where = ["--port", str(port), "--dir", str(folder / "qdrant")]
        children.start("qdrant", [sys.executable, "-m", "tests.doubles.qdrant_rest", *where])
        path = folder / "zygote"
        command = [sys.executable, "-m", "tests.services.kill_points.zygote", str(path)]
        zygote = children.start("zygote", command)
        stack.enter_context(_databases(os.environ["DATABASE_URL"], name, lanes))
        qdrant_url = f"http://127.0.0.1:{port}"
        wait_for(f"the zygote: {zygote.output}", lambda: _listens(path, zygote), 60)
        first = Order(
            part="clerk",
            folder=str(folder),
            database=name,
            database_port=database.port or 5432,
            redis_url=os.environ["REDIS_URL"],
            redis_prefix=f"{name}:",
            qdrant_url=qdrant_url,
        )
        rig = Rig([], openai, site, qdrant_url, zygote)
        _migrate(path, first)
        _copy(os.environ["DATABASE_URL"], name, lanes)
        for number in range(lanes):
            targets = {
                "database": address(os.environ["DATABASE_URL"], 5432),
                "redis": address(first.redis_url, 6379),
                "qdrant": ("127.0.0.1", port),
                "provider": ("127.0.0.1", openai.port),
                "site": ("127.0.0.1", site.port),
            }
            wires = {wire: open_wire(*targets[wire]) for wire in WIRES}
            rig.lanes.append(_lane(stack, path, first, wires, number))
        yield rig


def _environment(folder: Path) -> dict[str, str]:
    return environment(
        folder / "data",
        **new_secrets(),
        **QUICK,
        DJANGO_SETTINGS_MODULE="minirag.settings",
        MINIRAG_ENV="production",
        ALLOWED_HOSTS="rag.example.com",
        DATABASE_URL=os.environ["DATABASE_URL"],
        REDIS_URL=os.environ["REDIS_URL"],
        QDRANT_URL="http://127.0.0.1:9",
        MINIRAG_STATIC_ROOT=str(folder / "static"),
        MINIRAG_EGRESS_ALLOW="provider:127.0.0.0/8,source:127.0.0.0/8",
    )


def _listens(path: Path, zygote: Process) -> bool:
    assert zygote.running(), zygote.output
    with socket.socket(socket.AF_UNIX) as probe:
        return path.exists() and probe.connect_ex(str(path)) == 0


def _migrate(path: Path, order: Order) -> None:
    clerk = Part(path, order)
    clerk.go()
    clerk.ask("migrate")
    clerk.close()


@contextmanager
def _databases(url: str, name: str, lanes: int) -> Iterator[None]:
    """An empty database to migrate; at the end it and its copies are dropped."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            for one in (name, *(f"{name}_{lane}" for lane in range(lanes))):
                connection.execute(f'DROP DATABASE IF EXISTS "{one}" WITH (FORCE)')


def _copy(url: str, name: str, lanes: int) -> None:
    def alone() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        row = connection.execute(query, [name]).fetchone()
        return row is not None and row[0] == 0

    with psycopg.connect(url, autocommit=True) as connection:
        wait_for("nobody uses the migrated database", alone)
        for lane in range(lanes):
            connection.execute(f'CREATE DATABASE "{name}_{lane}" TEMPLATE "{name}"')


def _lane(stack: ExitStack, path: Path, first: Order, wires: dict[str, Wire], number: int) -> Lane:
    folder = Path(first.folder) / f"lane-{number}"
    folder.mkdir()
    direct = replace(
        first,
        folder=str(folder),
        database=f"{first.database}_{number}",
        redis_prefix=f"{first.redis_prefix}{number}:",
    )

    def fork(order: Order) -> Part:
        part = Part(path, order)
        stack.callback(part.close)
        return part

    clerk, beat = fork(direct), fork(replace(direct, part="beat"))
    clerk.go()
    beat.go()
    beat.send(signal.SIGSTOP)
    lane = Lane(fork, direct, wires, clerk, beat)
    stack.callback(lane.forget_messages)
    return lane
