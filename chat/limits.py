"""Open streams per credential. Counted per process; each web process allows its own number."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from django.conf import settings

from minirag.errors import RateLimited

_lock = Lock()
_open: Counter[str] = Counter()


class StreamSlot:
    """One open stream: held by the running turn and by its reader, free when both let go."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._holders = 1

    def share(self) -> StreamSlot:
        """One holder more."""
        with _lock:
            self._holders += 1
        return self

    def release(self) -> None:
        """One holder less; the last one frees the slot."""
        with _lock:
            self._holders -= 1
            if self._holders == 0:
                _open[self._key] -= 1
                if _open[self._key] <= 0:
                    del _open[self._key]


def take_stream(key: str) -> StreamSlot:
    """A slot of the credential ``key``. Raises ``RateLimited`` beyond ``MINIRAG_MAX_STREAMS``."""
    most = settings.MINIRAG_MAX_STREAMS
    with _lock:
        if most > 0 and _open[key] >= most:
            raise RateLimited("Too many answers are streaming at once for this credential.")
        _open[key] += 1
    return StreamSlot(key)


def open_streams() -> int:
    """All open streams of this process."""
    with _lock:
        return sum(_open.values())
