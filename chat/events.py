"""What a client of a running answer sees, in order; and the log it is read from."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID


class EventName(StrEnum):
    START = "start"
    RETRIEVAL = "retrieval"
    DELTA = "delta"
    DONE = "done"
    ERROR = "error"


TERMINAL = frozenset({EventName.DONE, EventName.ERROR})


@dataclass(frozen=True, slots=True)
class Event:
    """One event as clients get it; ``data`` holds JSON values.

    ``retry_after`` (seconds) is for the header of an answer that is not streamed.
    """

    name: EventName
    data: Mapping[str, Any]
    retry_after: float | None = None

    @property
    def is_last(self) -> bool:
        return self.name in TERMINAL

    def json(self) -> str:
        """``data`` on one line."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event at its place: ``seq`` counts from 1 within one answer."""

    seq: int
    event: Event


class EventLog(Protocol):
    """The events of running and lately finished answers, by message id.

    One process writes an answer; any may read it, from any place, and ask for its stop.
    """

    def append(self, stream: UUID, event: Event) -> LoggedEvent:
        """Add the next event. Never waits: readers and wires are served behind it."""

    def read(
        self, stream: UUID, after: int, patience: float
    ) -> AsyncGenerator[LoggedEvent | None, None]:
        """Events behind ``after``, live, ending after the last one.

        Gives None whenever nothing came for ``patience`` seconds; the reader decides whether to go
        on. A stream that nobody wrote to is silent, not an error.
        """

    async def ask_stop(self, stream: UUID) -> None:
        """Ask the process that writes this answer to end it."""

    def on_stop(self, stream: UUID, callback: Callable[[], None]) -> None:
        """Call back once, in the event loop, when a stop is asked. ``drop_stop`` ends it."""

    def drop_stop(self, stream: UUID) -> None:
        """Forget the callback; no error where there is none."""

    async def close(self) -> None:
        """Send what is on its way and release connections."""
