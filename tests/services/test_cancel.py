"""Cancel within five seconds in the service shape: parser, provider and store hang for real."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.processes import wait_for
from tests.services.stack import Guest, Stack

HEAVY = b"some line\n" * 1_000_000
WORDS = "\n\n".join(f"## Part {n}\n\nScrew {n} takes {n} newton metres." for n in range(40))


@pytest.fixture
def guest(stack: Stack, request: pytest.FixtureRequest) -> Guest:
    """A new tenant that embeds with the provider."""
    made = stack.new_tenant(f"Cancel{abs(hash(request.node.name)) % 10**8}")
    made.use_remote_embeddings()
    return made


def cancelled_in(guest: Guest, job: str) -> float:
    begun = time.monotonic()
    guest.api(2).post(f"ingest-jobs/{job}/cancel")
    guest.api().finish(job, seconds=30)
    assert guest.api().job(job)["state"] == "cancelled"
    return time.monotonic() - begun


def reaches(guest: Guest, job: str, stage: str) -> None:
    def there() -> bool:
        return bool(guest.api().job(job)["progress"]["stage"] == stage)

    wait_for(f"the job is at {stage}", there, 60)


def test_parse(guest: Guest) -> None:
    job = guest.api().ingest(guest.api().make_source("Heavy", {"heavy.md": HEAVY}))
    reaches(guest, job, "chunk")
    assert cancelled_in(guest, job) < 5


def test_embed(stack: Stack, guest: Guest) -> None:
    stack.openai.hold(after=1)
    try:
        job = guest.api().ingest(guest.api().make_source("Manual", {"manual.md": WORDS}))
        assert stack.openai.holding.wait(60)
        assert cancelled_in(guest, job) < 5
    finally:
        stack.openai.let_go()


@pytest.fixture
def frozen(stack: Stack, guest: Guest) -> Iterator[str]:
    """A job whose store has stopped answering; its id."""
    stack.openai.hold(after=1)
    job = guest.api().ingest(guest.api().make_source("Manual", {"manual.md": WORDS}))
    assert stack.openai.holding.wait(60) and stack.qdrant is not None
    os.kill(stack.qdrant.popen.pid, signal.SIGSTOP)
    stack.openai.let_go()
    try:
        yield job
    finally:
        os.kill(stack.qdrant.popen.pid, signal.SIGCONT)


def test_index(guest: Guest, frozen: str) -> None:
    reaches(guest, frozen, "index")
    assert cancelled_in(guest, frozen) < 5
