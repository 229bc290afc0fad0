"""The service shape for real: the commands of docker-compose.yml on this machine's services."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import psycopg
import redis

from tests.api_client import Api
from tests.doubles.openai_paced import PacedDouble
from tests.doubles.openai_server import Meter
from tests.doubles.wire import Wire, switchboard
from tests.processes import (
    Process,
    Processes,
    environment,
    free_port,
    new_secrets,
    processes,
    wait_until_up,
)
from tests.services.compose import command_of, compose

QDRANT_KEY = "a-key-of-the-tests-0123456789"
BOOTSTRAP_TOKEN = "bootstrap-token-of-the-tests-0123456789"
CHATS_A_MINUTE = 60
METRICS_TOKEN = "metrics-token-of-the-tests"
EMBEDDING_MODEL = "openai/text-embedding-3-small"
# Quick to notice what died, so that the tests need not wait.
QUICK = {
    "MINIRAG_JOB_LEASE_SECONDS": "2",
    "MINIRAG_JOB_HEARTBEAT_SECONDS": "0.3",
    "MINIRAG_SWEEP_SECONDS": "0.5",
    "MINIRAG_JOB_BACKOFF_SECONDS": "1",
    "MINIRAG_CHAT_LEASE_SECONDS": "6",
    "MINIRAG_RATE_API": "0",
    "MINIRAG_RATE_CHAT": str(CHATS_A_MINUTE),
    # Small chunks make many of them, and so several embedding calls, out of little text.
    "MINIRAG_CHUNK_SIZE": "64",
    "MINIRAG_CHUNK_OVERLAP": "0",
}


@dataclass(slots=True)
class Stack:
    """Everything that runs. ``webs`` are two, behind each other's back."""

    folder: Path
    children: Processes
    openai: PacedDouble
    redis_url: str
    qdrant_port: int
    ports: tuple[int, int]
    # Proxies before what all processes of the platform use; the tests themselves go past them.
    database: Wire
    redis: Wire
    database_url: str
    token: str = ""
    tenant: dict[str, Any] = field(default_factory=dict)
    qdrant: Process | None = None
    webs: list[Process] = field(default_factory=list)
    worker: Process | None = None
    beat: Process | None = None

    def api(self, web: int = 1) -> Api:
        """The API through the first or the second web process."""
        return Api(self.ports[web - 1], self.token)

    def start_qdrant(self) -> None:
        command = [sys.executable, "-m", "tests.doubles.qdrant_rest"]
        where = ["--port", str(self.qdrant_port), "--dir", str(self.folder / "qdrant")]
        self.qdrant = self.children.start("qdrant", [*command, *where, "--api-key", QDRANT_KEY])
        wait_until_up(self.qdrant, self.qdrant_port)

    def start_web(self, port: int, extra: Mapping[str, str] | None = None) -> Process:
        command = command_of("web", {"--port": str(port)})
        process = self.children.start(f"web-{port}", command, extra)
        self.webs.append(process)
        return process

    def start_worker(self) -> None:
        self.worker = self.children.start("worker", command_of("worker", {}))

    def kill_worker(self) -> None:
        """As the kernel's OOM killer would: the pool's children with it."""
        assert self.worker is not None
        self.worker.kill_group()

    def start_beat(self) -> None:
        schedule = {"--schedule": str(self.folder / "beat-schedule")}
        self.beat = self.children.start("beat", command_of("beat", schedule))

    def supervise(self) -> None:
        """Start again what has ended, as compose's ``restart`` does.

        Celery's worker ends where its link to Redis breaks with work in hand: kombu then asks the
        closed connection for its address.
        """
        services = compose()["services"]
        for name, part, start in (
            ("worker", self.worker, self.start_worker),
            ("beat", self.beat, self.start_beat),
        ):
            if part is not None and not part.running():
                assert services[name]["restart"] == "unless-stopped"
                start()

    def flush_redis(self) -> None:
        client = redis.Redis.from_url(self.redis_url)
        client.flushdb()
        client.close()

    def new_tenant(self, name: str) -> Guest:
        """Another tenant, made over HTTP."""
        answer = httpx.post(
            f"http://127.0.0.1:{self.ports[0]}/v1/tenants",
            json={"name": name, "email": f"owner@{name.lower()}.test"},
            headers={"Authorization": f"Bearer {BOOTSTRAP_TOKEN}"},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        made = answer.json()
        key = f"sk-{name}-0123456789"
        return Guest(self, made["tenant"]["id"], made["api_token"], key)

    def points(self, tenant_id: str, source_ids: list[str]) -> int:
        """Points that Qdrant holds for the tenant's sources, over its own API."""
        answer = self._qdrant("GET", "/collections", {})
        total = 0
        for one in answer["collections"]:
            if not one["name"].startswith("minirag_chunks"):
                continue
            must = [
                {"key": "tenant_id", "match": {"value": tenant_id}},
                {"key": "source_id", "match": {"any": source_ids}},
            ]
            body = {"filter": {"must": must}, "exact": True}
            count = self._qdrant("POST", f"/collections/{one['name']}/points/count", body)
            total += count["count"]
        return total

    def _qdrant(self, method: str, path: str, body: dict[str, Any]) -> Any:
        url = f"http://127.0.0.1:{self.qdrant_port}{path}"
        answer = httpx.request(method, url, json=body, headers={"api-key": QDRANT_KEY})
        assert answer.is_success, answer.text
        return answer.json()["result"]


@dataclass(frozen=True, slots=True)
class Guest:
    """A tenant of the running stack, with a provider key of its own: the double's meter is its."""

    stack: Stack
    tenant_id: str
    token: str
    key: str

    def api(self, web: int = 1) -> Api:
        return Api(self.stack.ports[web - 1], self.token)

    @property
    def credentials(self) -> dict[str, str]:
        return {"api_key": self.key, "api_base": self.stack.openai.base_url}

    @property
    def meter(self) -> Meter:
        """What the provider charged."""
        return self.stack.openai.meters[self.key]

    def use_remote_embeddings(self) -> None:
        """The tenant embeds with the OpenAI-compatible provider, over the guard."""
        body = {"embedding_model": EMBEDDING_MODEL, "embedding_credentials": self.credentials}
        self.api().call("PATCH", "tenants/me", json=body)

    def make_bot(self, model: str, source_ids: list[str]) -> str:
        bot = self.api().post(
            "bot-profiles",
            name=f"Bot {model}",
            model=model,
            credentials=self.credentials,
            source_ids=source_ids,
            score_threshold=0,
            query_rewrite="off",
        )
        return str(bot["id"])

    def settled(self, *, estimated: bool = True) -> tuple[int, int, int]:
        """Calls, input tokens and output tokens of the ledger's settled remote events."""
        events = self.api().all("usage/events")
        remote = [event for event in events if not event["model"].startswith("local/")]
        done = [event for event in remote if event["status"] == "settled"]
        done = [event for event in done if estimated or not event["estimated"]]
        return (
            len(done),
            sum(event["input_tokens"] for event in done),
            sum(event["output_tokens"] for event in done),
        )

    def charged(self) -> tuple[int, int, int]:
        """The same by the provider's own meter."""
        return (self.meter.calls, self.meter.input_tokens, self.meter.output_tokens)


def address(url: str, port: int) -> tuple[str, int]:
    """Host and port of ``url``, ``port`` where it names none."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or port


def moved(url: str, wire: Wire) -> str:
    """``url`` through ``wire``."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{wire.port}"))


def own_redis(url: str, lane: int | None = None) -> str:
    """A database of the same Redis server for this test process alone, or one of that number."""
    parts = urlsplit(url)
    base = int(parts.path.lstrip("/") or 0)
    if lane is None:
        lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return urlunsplit(parts._replace(path=f"/{(base + 1 + lane) % 16}"))


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """A new database on the same PostgreSQL server, dropped at the end."""
    name = f"minirag_shape_{uuid4().hex[:10]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def service_environment(
    folder: Path, database: str, stack_redis: str, openai: int
) -> dict[str, str]:
    """What .env would hold."""
    return environment(
        folder / "data",
        **new_secrets(),
        **QUICK,
        MINIRAG_ENV="production",
        ALLOWED_HOSTS="rag.example.com",
        DATABASE_URL=database,
        REDIS_URL=stack_redis,
        QDRANT_API_KEY=QDRANT_KEY,
        MINIRAG_METRICS_TOKEN=METRICS_TOKEN,
        MINIRAG_BOOTSTRAP_TOKEN=BOOTSTRAP_TOKEN,
        MINIRAG_STATIC_ROOT=str(folder / "static"),
        MINIRAG_EGRESS_ALLOW=f"provider:127.0.0.1:{openai}",
        OMP_NUM_THREADS="1",
    )


@contextmanager
def running_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    """Migrated, collected, one tenant, two webs, a worker, a beat, and both doubles."""
    redis_url = own_redis(os.environ["REDIS_URL"])
    with (
        own_database(os.environ["DATABASE_URL"]) as database,
        PacedDouble() as openai,
        switchboard() as open_wire,
    ):
        wires = open_wire(*address(database, 5432)), open_wire(*address(redis_url, 6379))
        behind = [moved(url, wire) for url, wire in zip((database, redis_url), wires, strict=True)]
        environ = service_environment(folder, behind[0], behind[1], openai.port)
        environ |= {"QDRANT_URL": f"http://127.0.0.1:{(qdrant := free_port())}", **settings}
        ports = (free_port(), free_port())
        environ["MINIRAG_PUBLIC_URL"] = f"http://127.0.0.1:{ports[0]}"
        with processes(folder, environ) as children:
            stack = Stack(
                folder, children, openai, redis_url, qdrant, ports, *wires, database_url=database
            )
            stack.flush_redis()
            _start(stack)
            yield stack


def _start(stack: Stack) -> None:
    stack.start_qdrant()
    collecting = stack.children.start(
        "collectstatic", [sys.executable, "manage.py", "collectstatic", "--noinput"]
    )
    stack.children.run("migrate", command_of("migrate", {}))
    assert collecting.wait(60) == 0, collecting.output
    # Only the second web stands behind a proxy that it trusts; it has few database connections.
    stack.start_web(stack.ports[0])
    few = {"MINIRAG_TRUSTED_PROXIES": "127.0.0.1", "MINIRAG_DB_POOL": "3"}
    stack.start_web(stack.ports[1], few)
    stack.start_worker()
    stack.start_beat()
    printed = stack.children.manage(
        "bootstrap_tenant", "--name", "Acorn", "--email", "owner@acorn.test", "--json"
    )
    made = json.loads(printed)
    stack.token, stack.tenant = made["api_token"], made["tenant"]
    for process, port in zip(stack.webs, stack.ports, strict=True):
        wait_until_up(process, port)
