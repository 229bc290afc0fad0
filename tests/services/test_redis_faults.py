"""Family RED: Redis fails while work is published, in flight, and streamed. Accepted is done.

Redis carries wake-ups, counts and mirrors of streams; nothing is lost with it.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.api_client import ENDED
from tests.doubles.wire import Wire
from tests.processes import wait_for
from tests.services.stack import Guest, Stack

# Commands of a client that change something, as they stand in the protocol.
_WRITES = re.compile(
    rb"\r\n(?:L?R?PUSH|BRPOP|SET|SADD|DEL|HSET|HDEL|XADD|ZADD|ZREM|INCR|EVAL(?:SHA)?|EXPIRE|MULTI)\r",
    re.IGNORECASE,
)
_COMMAND = re.compile(rb"(?:^|\r\n)\*\d+\r\n\$")
RESUMED = 32.0


@pytest.fixture(scope="module")
def guest(stack: Stack) -> Guest:
    return stack.new_tenant("Rowan")


@pytest.fixture(scope="module")
def bot(guest: Guest) -> str:
    made = guest.api().make_source("Kettles", {"kettle.md": "# Kettle\n\nIt boils a litre."})
    assert guest.api().finish(guest.api().ingest(made))["state"] == "succeeded"
    return guest.make_bot("openai/paced-20-5", [made])


def refusing(words: bytes) -> Callable[[bytes], bytes | None]:
    """Each command of a request that writes is answered with an error."""

    def answer(request: bytes) -> bytes | None:
        if not _WRITES.search(request):
            return None
        return b"-%s\r\n" % words * len(_COMMAND.findall(request))

    return answer


def _down(wire: Wire) -> None:
    wire.down()


def _slow(wire: Wire) -> None:
    wire.delay = 0.3


def _read_only(wire: Wire) -> None:
    wire.answer = refusing(b"READONLY You can't write against a read only replica.")


def _full(wire: Wire) -> None:
    wire.answer = refusing(b"OOM command not allowed when used memory > 'maxmemory'.")


def _loading(wire: Wire) -> None:
    wire.cut()
    wire.answer = lambda request: (
        b"-LOADING Redis is loading the dataset in memory\r\n" * len(_COMMAND.findall(request))
    )


def _cut(wire: Wire) -> None:
    wire.cut()


FAULTS: Mapping[str, Callable[[Wire], None]] = {
    "down": _down,
    "slow": _slow,
    "read-only": _read_only,
    "full": _full,
    "loading": _loading,
    "cut": _cut,
}
# What is done while Redis is out of order.
OPERATIONS = ("publish", "answer", "stream", "in flight", "list")


@contextmanager
def out_of_order(stack: Stack, fault: str) -> Iterator[None]:
    FAULTS[fault](stack.redis)
    try:
        yield
    finally:
        stack.redis.heal()


def test_accepted_is_done(stack: Stack, guest: Guest, bot: str) -> None:
    """Every operation under every fault; afterwards each job has been done, once."""
    sys.stdout.write(f"RED: cases {len(FAULTS) * len(OPERATIONS)}\n")
    assert len(FAULTS) * len(OPERATIONS) >= 30
    calls = guest.meter.calls
    sources = [guest.api().make_source(f"S{n}", {"s.md": f"# S\n\nNumber {n}."}) for n in range(12)]
    waiting = iter(sources)
    jobs = []
    for fault in FAULTS:
        jobs.append(guest.api(1).ingest(next(waiting)))  # in flight when the fault comes
        with out_of_order(stack, fault):
            jobs.append(guest.api(2).ingest(next(waiting)))
            assert_chats(guest, bot, fault)
            assert guest.api(1).all("sources")
    healed = time.monotonic()
    for job in jobs:
        ended = finish(stack, guest, job)
        assert (ended["state"], ended["error"]) == ("succeeded", None)
    assert time.monotonic() - healed < 2 * RESUMED, "workers resume by themselves"
    for source in sources:
        counts = guest.api(2).get(f"sources/{source}")["counts"]
        assert counts["chunks"] == 1 == stack.points(guest.tenant_id, [source])
    assert guest.meter.calls == calls + 2 * len(FAULTS), "no answer was asked for twice"
    assert guest.settled() == guest.charged()


def finish(stack: Stack, guest: Guest, job: str) -> dict[str, Any]:
    """Wait for the job's end. Meanwhile what Celery ends at a broken link is started again."""

    def ended() -> bool:
        stack.supervise()
        return guest.api(1).job(job)["state"] in ENDED

    wait_for(f"job {job} ends", ended, RESUMED)
    return guest.api(1).job(job)


def assert_chats(guest: Guest, bot: str, fault: str) -> None:
    """Whole, and streamed: the bytes of the stream are those of the answer."""
    body = {"bot_profile_id": bot, "message": "What does it boil?"}
    whole = guest.api(1).http.post("/v1/chat", json=body)
    assert whole.status_code == 200, (fault, whole.text)
    events = list(guest.api(2).stream(bot, "And what else?"))
    assert events[-1].name == "done", (fault, events[-1])
    text = "".join(event.data["text"] for event in events if event.name == "delta")
    assert text == events[-1].data["answer"] and text.startswith("w0 "), fault
    assert [event.id for event in events] == list(range(1, len(events) + 1)), fault


def test_twenty_cuts_in_a_row(stack: Stack, guest: Guest, bot: str) -> None:
    """Links that break again and again lose no job and double none."""
    source = guest.api().make_source(
        "Cut", {f"c{n}.md": f"# C\n\nNumber {n} is cut." for n in range(8)}
    )
    job = guest.api().ingest(source)
    for _ in range(20):
        stack.redis.cut()
        assert guest.api(1).get(f"ingest-jobs/{job}")["error"] is None
    assert finish(stack, guest, job)["state"] == "succeeded"
    assert stack.points(guest.tenant_id, [source]) == 8
    events = list(guest.api(2).stream(bot, "Still there?"))
    assert events[-1].name == "done"
