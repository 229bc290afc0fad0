"""Open streams per credential: one number for all processes, and no slot lost with one of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from chat import limits
from chat.limits import open_streams, take_stream
from chat.shared_slots import SharedSlots
from minirag.errors import RateLimited
from tests.contracts.test_event_log import REDIS


@pytest.fixture
def key() -> Iterator[str]:
    name = f"test:{uuid.uuid4()}"
    yield name
    client = redis.Redis.from_url(REDIS)
    client.delete(f"minirag:streams:{name}")
    client.close()


@pytest.mark.parametrize("url", ["", pytest.param(REDIS, marks=pytest.mark.services)])
async def test_a_slot_is_free_when_turn_and_reader_let_go(
    url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = SharedSlots(url) if url else None
    monkeypatch.setattr(limits, "shared_slots", lambda: shared)
    settings.MINIRAG_MAX_STREAMS = 1
    key = f"test:{uuid.uuid4()}"
    before = open_streams()
    slot = await take_stream(key)
    slot.share()
    slot.release()
    with pytest.raises(RateLimited):
        await take_stream(key)
    slot.release()
    (await take_stream(key)).release()
    assert open_streams() == before
    settings.MINIRAG_MAX_STREAMS = 0
    for free in [await take_stream(key) for _ in range(5)]:
        free.release()
    if shared:
        shared.close()


@pytest.mark.services
def test_processes_count_together(key: str) -> None:
    here, there = SharedSlots(REDIS), SharedSlots(REDIS)
    assert here.take(key, "a", 2) and there.take(key, "b", 2)
    assert not here.take(key, "c", 2) and not there.take(key, "c", 2)
    there.free("a")  # not its own: nothing happens
    assert not there.take(key, "c", 2)
    here.free("a")
    assert there.take(key, "c", 2)
    here.close()
    there.close()


@pytest.mark.services
def test_slots_of_a_dead_process_expire_and_those_of_a_live_one_do_not(key: str) -> None:
    dead, live = SharedSlots(REDIS, lease=0.3), SharedSlots(REDIS, lease=0.3)
    assert dead.take(key, "a", 2) and live.take(key, "b", 2)
    dead.close()  # from now on nobody renews its slot
    name = f"minirag:streams:{key}"
    client = redis.Redis.from_url(REDIS)
    seconds, micros = client.time()
    until = seconds + micros / 1e6 + 0.6
    while client.time()[0] + client.time()[1] / 1e6 < until:
        live.wait_for_renewal()
    assert live.take(key, "c", 2), "the dead one's place"
    assert not live.take(key, "d", 2), "the live one's place is kept"
    assert set(client.zrange(name, 0, -1)) == {b"b", b"c"}
    live.close()
    client.close()


def test_without_redis_each_process_counts_its_own() -> None:
    alone = SharedSlots("redis://127.0.0.1:1/0")
    assert alone.take("key", "a", 1) and alone.take("key", "b", 1)
    alone.free("a")
    alone.close()
