"""The broker of the embedded server: Celery's in-memory one, which hears at once that it ends."""

from __future__ import annotations

from typing import Any

from kombu.transport import memory

# Celery's worker looks whether it shall end only between two waits, of 2 s each.
_LONGEST_WAIT = 0.2


class Transport(memory.Transport):
    """Waits for messages in short turns."""

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        wait = _LONGEST_WAIT if timeout is None else min(timeout, _LONGEST_WAIT)
        super().drain_events(connection, timeout=wait)  # type: ignore[no-untyped-call]
