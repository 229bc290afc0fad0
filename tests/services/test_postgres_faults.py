"""Family PGF: PostgreSQL fails under every kind of request, and under a job.

A client gets ``unavailable`` with a time to come again and nothing of our inside; what was
acknowledged is there, what was not is absent or there once; a job ends by itself.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from tests.services.stack import Guest, Stack

TEXT = "# Kettle\n\nThe kettle boils a litre in two minutes.\n"
# SQLSTATEs that a server in trouble gives to a statement.
STATES = {
    "serialization failure": "40001",
    "deadlock": "40P01",
    "disk full": "53100",
    "out of memory": "53200",
    "too many connections": "53300",
    "statement timeout": "57014",
    "terminated": "57P01",
    "crash shutdown": "57P02",
    "starting up": "57P03",
    "read-only": "25006",
}
_INSIDE = ("Traceback", "psycopg", "django", "SELECT", "sources_source", "SQLSTATE", "127.0.0.1")


@pytest.fixture(scope="module")
def guest(stack: Stack) -> Guest:
    return stack.new_tenant("Quince")


@pytest.fixture(scope="module")
def source_id(guest: Guest) -> str:
    made = guest.api().make_source("Kettles", {"kettle.md": TEXT})
    assert guest.api().finish(guest.api().ingest(made))["state"] == "succeeded"
    return made


@pytest.fixture(scope="module")
def bot(guest: Guest, source_id: str) -> str:
    return guest.make_bot("openai/gpt-4o-mini", [source_id])


Ask = Callable[[], httpx.Response]


def requests(guest: Guest, source_id: str, bot: str) -> Mapping[str, Ask]:
    """One of each kind, at one web."""
    http = guest.api(1).http
    chat = {"bot_profile_id": bot, "message": "How fast is the kettle?"}
    return {
        "list": lambda: http.get("/v1/sources"),
        "create": lambda: http.post("/v1/sources", json={"name": "N", "type": "file"}),
        "upload": lambda: http.post(
            f"/v1/sources/{source_id}/upload", files={"file": ("kettle.md", TEXT)}
        ),
        "ingest": lambda: http.post(f"/v1/sources/{source_id}/ingest"),
        "search": lambda: http.post(
            "/v1/search", json={"query": "kettle", "source_ids": [source_id]}
        ),
        "chat": lambda: http.post("/v1/chat", json=chat),
    }


def assert_unavailable(name: str, answer: httpx.Response) -> None:
    assert answer.status_code == 503, (name, answer.status_code, answer.text)
    assert answer.json()["error"]["code"] == "unavailable", name
    assert int(answer.headers["Retry-After"]) >= 1, name
    assert not [word for word in _INSIDE if word in answer.text], answer.text


def assert_well(asks: Mapping[str, Ask]) -> None:
    for name, ask in asks.items():
        answer = ask()
        assert answer.is_success, (name, answer.text)


def _admin(stack: Stack, *statements: str) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload, unused-ignore]


def terminate(stack: Stack) -> None:
    """Every connection of the platform."""
    _admin(
        stack,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


@contextmanager
def raising(stack: Stack, state: str) -> Iterator[None]:
    """While the block lasts, writes of sources, documents, jobs and messages end in ``state``."""
    tables = ("sources_source", "sources_document", "ingestion_ingestjob", "chat_message")
    body = f"BEGIN RAISE EXCEPTION 'in trouble' USING ERRCODE = '{state}'; END"
    make = [f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"]
    make += [
        f"CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION trouble()"
        for table in tables
    ]
    _admin(stack, *make)
    try:
        yield
    finally:
        _admin(stack, "DROP FUNCTION trouble() CASCADE")


WRITES = ("create", "upload", "ingest", "chat")


@pytest.mark.parametrize("state", STATES)
def test_a_statement_that_the_server_ends(
    stack: Stack, guest: Guest, source_id: str, bot: str, state: str
) -> None:
    asks = requests(guest, source_id, bot)
    before = len(guest.api().all("sources"))
    with raising(stack, STATES[state]):
        for name in WRITES:
            assert_unavailable(name, asks[name]())
        assert asks["list"]().is_success and asks["search"]().is_success
    assert len(guest.api().all("sources")) == before, "what was refused is not there"
    assert asks["chat"]().is_success


def test_a_server_that_is_away_and_comes_back(
    stack: Stack, guest: Guest, source_id: str, bot: str
) -> None:
    """All kinds of requests at once; a job that was running then ends by itself."""
    asks = requests(guest, source_id, bot)
    sys.stdout.write(f"PGF: cases {len(STATES) * len(WRITES) + len(asks)} and a storm\n")
    assert len(STATES) * len(WRITES) + len(asks) >= 46
    accepted = guest.api(2).ingest(source_id)
    stack.database.down()
    try:
        with ThreadPoolExecutor(len(asks)) as pool:
            answers = dict(zip(asks, pool.map(lambda ask: ask(), asks.values()), strict=True))
        ready = httpx.get(f"http://127.0.0.1:{stack.ports[1]}/readyz", timeout=30)
    finally:
        stack.database.up()
    for name, answer in answers.items():
        assert_unavailable(name, answer)
    assert ready.status_code == 503 and ready.json()["checks"]["database"] != "ok"
    back = time.monotonic()
    assert guest.api(2).finish(accepted, 40)["state"] == "succeeded"
    assert time.monotonic() - back < 32
    assert_well(asks)


def test_what_was_acknowledged_is_there(stack: Stack, guest: Guest) -> None:
    """Writes go on while all connections are ended again and again."""
    http = guest.api(2).http
    told: dict[str, int] = {}

    def write(number: int) -> None:
        if number % 12 == 5:
            terminate(stack)
        name = f"storm-{number}"
        told[name] = http.post("/v1/sources", json={"name": name, "type": "file"}).status_code

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(60)))
    assert set(told.values()) <= {201, 503} and Counter(told.values())[201] >= 20, told
    for _ in range(20):  # a web tells of each connection that it finds dead, once
        guest.api(1).http.get("/v1/sources")
    there = Counter(source["name"] for source in guest.api().all("sources"))
    for name, status in told.items():
        assert there[name] == 1 if status == 201 else there[name] <= 1, (name, status)


@pytest.mark.long
def test_a_pool_that_is_used_up(stack: Stack, guest: Guest, source_id: str, bot: str) -> None:
    """More requests than connections wait behind a lock: refused in time, served afterwards."""
    asks = requests(guest, source_id, bot)
    with psycopg.connect(stack.database_url) as holder:
        holder.execute("LOCK TABLE sources_source IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(40) as pool:
            waiting = [pool.submit(asks["list"]) for _ in range(30)]
            ended = (one.result() for one in as_completed(waiting, timeout=40))
            refused = next(answer for answer in ended if answer.status_code == 503)
            assert_unavailable("list", refused)
            holder.rollback()
            rest = Counter(one.result().status_code for one in waiting)
    assert set(rest) <= {200, 503} and rest[200] > 0
    assert_well(asks)
