"""The event log of one process."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from chat.events import Event, LoggedEvent

# What an event costs beside its text, about.
_OVERHEAD = 400


@dataclass(slots=True)
class _Stream:
    events: list[LoggedEvent] = field(default_factory=list)
    size: int = 0
    finished_at: float | None = None
    readers: set[asyncio.Future[None]] = field(default_factory=set)


class MemoryEventLog:
    """Readers share one list and keep a place in it, so that a slow one costs nothing more.

    A running stream is bounded by the longest answer; of finished ones the oldest go first, after
    ``MINIRAG_STREAM_TTL_SECONDS`` or beyond ``MINIRAG_STREAM_LOG_BYTES``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: dict[UUID, _Stream] = {}
        self._finished: OrderedDict[UUID, _Stream] = OrderedDict()
        self._kept = 0
        self._stops: dict[UUID, Callable[[], None]] = {}

    def append(self, stream: UUID, event: Event) -> LoggedEvent:
        held = self._running.setdefault(stream, _Stream())
        logged = LoggedEvent(len(held.events) + 1, event)
        held.events.append(logged)
        held.size += _OVERHEAD + len(event.json())
        if event.is_last:
            self._finish(stream, held)
        for reader in held.readers:
            if not reader.done():
                reader.set_result(None)
        return logged

    async def read(
        self, stream: UUID, after: int, patience: float
    ) -> AsyncGenerator[LoggedEvent | None, None]:
        place = after
        created = stream not in self._running and stream not in self._finished
        held = self._running.get(stream) or self._finished.get(stream) or _Stream()
        if created:
            self._running[stream] = held
        try:
            while True:
                while place < len(held.events):
                    logged = held.events[place]
                    place += 1
                    yield logged
                    if logged.event.is_last:
                        return
                if held.finished_at is not None:
                    return
                if not await self._wait(held, patience):
                    yield None
        finally:
            if not held.events and not held.readers and self._running.get(stream) is held:
                del self._running[stream]

    def events(self, stream: UUID) -> tuple[LoggedEvent, ...]:
        """What was written so far of a stream that this process holds."""
        held = self._running.get(stream) or self._finished.get(stream)
        return tuple(held.events) if held is not None else ()

    def holds(self, stream: UUID) -> bool:
        """Whether this process writes, or lately wrote, the stream."""
        held = self._running.get(stream) or self._finished.get(stream)
        return bool(held and held.events)

    async def ask_stop(self, stream: UUID) -> None:
        callback = self._stops.pop(stream, None)
        if callback is not None:
            callback()

    def on_stop(self, stream: UUID, callback: Callable[[], None]) -> None:
        self._stops[stream] = callback

    def drop_stop(self, stream: UUID) -> None:
        self._stops.pop(stream, None)

    async def close(self) -> None:
        """Nothing is held outside this process."""

    async def _wait(self, held: _Stream, patience: float) -> bool:
        """Whether something came within ``patience`` seconds."""
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        held.readers.add(arrival)
        try:
            async with asyncio.timeout(patience):
                await arrival
        except TimeoutError:
            return False
        finally:
            held.readers.discard(arrival)
        return True

    def _finish(self, stream: UUID, held: _Stream) -> None:
        held.finished_at = self._clock()
        self._finished[stream] = held
        self._running.pop(stream, None)
        self._kept += held.size
        self._forget_old()

    def _forget_old(self) -> None:
        oldest_kept = self._clock() - settings.MINIRAG_STREAM_TTL_SECONDS
        while self._finished:
            stream, held = next(iter(self._finished.items()))
            expired = held.finished_at is not None and held.finished_at < oldest_kept
            crowded = self._kept > settings.MINIRAG_STREAM_LOG_BYTES and len(self._finished) > 1
            if not expired and not crowded:
                return
            del self._finished[stream]
            self._kept -= held.size
