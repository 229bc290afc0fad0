"""The event log of several processes: Redis Streams behind each process's own memory.

The writing process serves its own readers from memory at once and mirrors every event to a Redis
stream, in batches, behind the answer; an entry's id is the event's ``seq``, so a reader elsewhere
goes on from any place. Where Redis is away, the answer goes on; readers elsewhere then fall back to
the message's row, which is the truth.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID

import redis.asyncio as aioredis
from django.conf import settings
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from chat.event_logs.memory import MemoryEventLog
from chat.events import Event, EventName, LoggedEvent

log = logging.getLogger(__name__)

_STOPS = "minirag:chat:stops"
_BATCH = 200
# Events that wait for a slow Redis; beyond it the oldest are not mirrored.
_WAITING = 20_000
_BACK_OFF = 1.0
_CLOSE_TRIES = 20
_CLOSE_SECONDS = 0.1
_LISTEN_MS = 5_000
_GAP_SECONDS = 0.5
# A stop that was asked while nobody listened yet is heard this long after (seconds).
_STOPS_BACK = 60


class RedisEventLog:
    """See the module. ``prefix`` keeps the streams of several installations apart."""

    def __init__(self, url: str, prefix: str = "minirag:chat:stream:") -> None:
        self._redis: aioredis.Redis = aioredis.Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=2, socket_timeout=30
        )
        self._prefix = prefix
        self._here = MemoryEventLog()
        self._outgoing: deque[tuple[UUID, LoggedEvent]] = deque(maxlen=_WAITING)
        self._more = asyncio.Event()
        self._closing = False
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    def append(self, stream: UUID, event: Event) -> LoggedEvent:
        logged = self._here.append(stream, event)
        self._outgoing.append((stream, logged))
        self._more.set()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())
        return logged

    async def read(
        self, stream: UUID, after: int, patience: float
    ) -> AsyncGenerator[LoggedEvent | None, None]:
        own = self._here.holds(stream)
        source = self._here.read if own else self._read_redis
        async with aclosing(source(stream, after, patience)) as events:
            async for logged in events:
                yield logged

    async def ask_stop(self, stream: UUID) -> None:
        await self._here.ask_stop(stream)
        try:
            await self._redis.xadd(_STOPS, {"stream": str(stream)}, maxlen=10_000)
        except RedisError:
            # The row's flag says it too: the writer sees it with its next heartbeat.
            log.warning("a stop could not be sent through Redis", exc_info=True)

    def on_stop(self, stream: UUID, callback: Callable[[], None]) -> None:
        self._here.on_stop(stream, callback)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    def drop_stop(self, stream: UUID) -> None:
        self._here.drop_stop(stream)

    async def close(self) -> None:
        self._closing = True
        await _end([task for task in (self._listening, self._sending) if task is not None])
        try:
            while self._outgoing:
                await self._send_batch()
        except RedisError:
            log.warning("the last events could not be mirrored to Redis", exc_info=True)
        await self._redis.aclose()

    def _key(self, stream: UUID) -> str:
        return f"{self._prefix}{stream}"

    async def _send(self) -> None:
        """Mirror events as they come, for as long as the process lives."""
        while not self._closing:
            await self._more.wait()
            try:
                await self._send_batch()
            except RedisError:
                if not self._closing:
                    log.warning("events wait for Redis", exc_info=True)
                    await asyncio.sleep(_BACK_OFF)
            if not self._outgoing:
                self._more.clear()

    async def _send_batch(self) -> None:
        """Mirror the next events; what could not be sent waits again, in its order."""
        batch = [self._outgoing.popleft() for _ in range(min(_BATCH, len(self._outgoing)))]
        sent = False
        try:
            await self._mirror(batch)
            sent = True
        finally:
            if not sent:
                self._outgoing.extendleft(reversed(batch))

    async def _mirror(self, batch: list[tuple[UUID, LoggedEvent]]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for stream, logged in batch:
            self._add(pipe, stream, logged)
        last = {stream: logged.seq for stream, logged in batch}
        for stream in last:
            pipe.xlen(self._key(stream))
        outcomes = await pipe.execute(raise_on_error=False)
        for outcome in outcomes:
            # An entry that a broken batch had written already is refused by its id: no harm.
            if isinstance(outcome, RedisError) and "equal or smaller" not in str(outcome):
                raise outcome
        for (stream, seq), held in zip(last.items(), outcomes[-len(last) :], strict=True):
            if held < seq:
                await self._restore(stream)

    async def _restore(self, stream: UUID) -> None:
        """Write a stream anew whose beginning Redis lost: a reader elsewhere needs all of it."""
        log.warning("Redis has lost a part of the answer %s: it is written again", stream)
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(self._key(stream))
        for logged in self._here.events(stream):
            self._add(pipe, stream, logged)
        await pipe.execute()

    def _add(self, pipe: Pipeline, stream: UUID, logged: LoggedEvent) -> None:
        fields: dict[Any, Any] = {"name": str(logged.event.name), "data": logged.event.json()}
        pipe.xadd(self._key(stream), fields, id=f"{logged.seq}-1")
        if logged.seq == 1 or logged.event.is_last:
            pipe.expire(self._key(stream), settings.MINIRAG_STREAM_TTL_SECONDS)

    async def _read_redis(
        self, stream: UUID, after: int, patience: float
    ) -> AsyncGenerator[LoggedEvent | None, None]:
        place = after
        while True:
            entries = await self._next_entries(stream, place, patience)
            if not entries:
                yield None
            for entry_id, fields in entries:
                seq = int(entry_id.partition("-")[0])
                if seq != place + 1:  # the stream was lost: its writer brings it back whole
                    await asyncio.sleep(min(patience, _GAP_SECONDS))
                    yield None
                    break
                place = seq
                event = Event(EventName(fields["name"]), json.loads(fields["data"]))
                yield LoggedEvent(place, event)
                if event.is_last:
                    return

    async def _next_entries(
        self, stream: UUID, place: int, patience: float
    ) -> list[tuple[str, dict[str, str]]]:
        try:
            found: Any = await self._redis.xread(
                {self._key(stream): f"{place}-1"}, count=_BATCH, block=max(1, int(patience * 1000))
            )
        except RedisError:
            log.warning("events cannot be read from Redis", exc_info=True)
            await asyncio.sleep(min(patience, _BACK_OFF))
            return []
        return cast("list[tuple[str, dict[str, str]]]", found[0][1]) if found else []

    async def _first_place(self) -> str:
        """A little back, never ``$``: what comes between two readings of ``$`` is heard by nobody.

        Old stops do no harm, since ids of answers are never used again.
        """
        seconds, _ = await self._redis.time()
        return f"{(int(seconds) - _STOPS_BACK) * 1000}-0"

    async def _listen(self) -> None:
        """Hear the stops that other processes ask for."""
        place = ""
        while not self._closing:
            try:
                place = place or await self._first_place()
                found: Any = await self._redis.xread(
                    {_STOPS: place}, count=_BATCH, block=_LISTEN_MS
                )
            except RedisError:
                if not self._closing:
                    log.warning("stops cannot be heard through Redis", exc_info=True)
                    await asyncio.sleep(_BACK_OFF)
                continue
            for entry_id, fields in found[0][1] if found else []:
                place = entry_id
                await self._here.ask_stop(UUID(fields["stream"]))


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until they end: the client takes a cancellation for a broken link and tries again."""
    for _ in range(_CLOSE_TRIES):
        running = [task for task in tasks if not task.done()]
        if not running:
            return
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_CLOSE_SECONDS)
