"""What every event log does: order, live reading, many readers, stops, from any place."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from chat.event_logs.memory import MemoryEventLog
from chat.event_logs.redis_streams import RedisEventLog
from chat.events import Event, EventLog, EventName, LoggedEvent

REDIS = os.environ.get("TEST_REDIS_URL") or os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/5")
DONE = Event(EventName.DONE, {"answer": "ab"})


class Pair:
    """The log of the process that writes, and that of one that reads."""

    def __init__(self, writer: EventLog, reader: EventLog) -> None:
        self.writer = writer
        self.reader = reader


@pytest.fixture(
    params=["memory", pytest.param("redis", marks=pytest.mark.services),
            pytest.param("redis across processes", marks=pytest.mark.services)]
)  # fmt: skip
async def logs(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    if request.param == "memory":
        memory = MemoryEventLog()
        yield Pair(memory, memory)
        return
    prefix = f"minirag:test:{uuid.uuid4()}:"
    writer = RedisEventLog(REDIS, prefix)
    reader = RedisEventLog(REDIS, prefix) if "across" in request.param else writer
    yield Pair(writer, reader)
    await writer.close()
    if reader is not writer:
        await reader.close()


def delta(text: str) -> Event:
    return Event(EventName.DELTA, {"text": text})


async def collect(log: EventLog, stream: uuid.UUID, after: int = 0) -> list[LoggedEvent]:
    async with aclosing(log.read(stream, after, 5.0)) as events:
        return [logged async for logged in events if logged is not None]


async def test_events_come_in_order_and_end(logs: Pair) -> None:
    stream = uuid.uuid4()
    for event in (delta("a\n"), delta("b “ü”"), DONE):
        logs.writer.append(stream, event)
    got = await collect(logs.reader, stream)
    assert [logged.seq for logged in got] == [1, 2, 3]
    assert [logged.event for logged in got] == [delta("a\n"), delta("b “ü”"), DONE]


async def test_reading_goes_on_behind_any_place(logs: Pair) -> None:
    stream = uuid.uuid4()
    for event in (delta("a"), delta("b"), DONE):
        logs.writer.append(stream, event)
    await collect(logs.reader, stream)
    assert [logged.seq for logged in await collect(logs.reader, stream, 1)] == [2, 3]


async def test_readers_hear_live_events_even_before_the_first(logs: Pair) -> None:
    stream = uuid.uuid4()
    readers = [asyncio.create_task(collect(logs.reader, stream)) for _ in range(3)]
    await asyncio.sleep(0)
    for event in (delta("a"), DONE):
        logs.writer.append(stream, event)
    for got in await asyncio.gather(*readers):
        assert [logged.event.name for logged in got] == ["delta", "done"]


async def test_silence_is_said(logs: Pair) -> None:
    async with aclosing(logs.reader.read(uuid.uuid4(), 0, 0.05)) as events:
        assert await anext(events) is None


async def test_a_reader_that_leaves_disturbs_nobody(logs: Pair) -> None:
    stream = uuid.uuid4()
    logs.writer.append(stream, delta("a"))
    async with aclosing(logs.reader.read(stream, 0, 5.0)) as events:
        assert await anext(events) is not None
    logs.writer.append(stream, DONE)
    assert len(await collect(logs.reader, stream)) == 2


async def test_a_stop_reaches_the_writer_once(logs: Pair) -> None:
    stream, asked, calls = uuid.uuid4(), asyncio.Event(), []

    def stopped() -> None:
        calls.append(1)
        asked.set()

    logs.writer.on_stop(stream, stopped)
    async with asyncio.timeout(10):
        while not asked.is_set():  # a listener elsewhere may still be on its way to Redis
            await logs.reader.ask_stop(stream)
            await asyncio.sleep(0.01)
    await logs.reader.ask_stop(stream)
    assert calls == [1]
    logs.writer.drop_stop(stream)


async def test_streams_do_not_mix(logs: Pair) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    logs.writer.append(first, delta("one"))
    logs.writer.append(second, delta("two"))
    logs.writer.append(first, DONE)
    logs.writer.append(second, DONE)
    got = await collect(logs.reader, second)
    assert [logged.event.data.get("text") for logged in got] == ["two", None]


@pytest.mark.services
async def test_what_redis_lost_half_way_is_told_whole() -> None:
    """A flush between two events: who reads elsewhere, from before or from now on, misses none."""
    prefix = f"minirag:test:{uuid.uuid4()}:"
    writer, reader = RedisEventLog(REDIS, prefix), RedisEventLog(REDIS, prefix)
    stream, told = uuid.uuid4(), [delta(str(n)) for n in range(6)]
    for event in told[:3]:
        writer.append(stream, event)
    async with aclosing(reader.read(stream, 0, 5.0)) as events:
        early = [logged for logged in [await anext(events) for _ in range(3)] if logged]
        await reader._redis.delete(f"{prefix}{stream}")
        late = asyncio.create_task(collect(reader, stream))
        for event in (*told[3:], DONE):
            writer.append(stream, event)
            await asyncio.sleep(0.01)
        early += [logged async for logged in events if logged is not None]
    for got in (early, await late):
        assert [logged.seq for logged in got] == list(range(1, 8))
        assert [logged.event for logged in got] == [*told, DONE]
    await writer.close()
    await reader.close()
