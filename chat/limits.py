"""Open streams per credential: counted in this process, and in Redis where several serve."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings

from minirag.errors import RateLimited

if TYPE_CHECKING:
    from chat.shared_slots import SharedSlots

_lock = Lock()
_open: Counter[str] = Counter()
_threads = ThreadPoolExecutor(1, thread_name_prefix="chat-slots")


@lru_cache(maxsize=1)
def shared_slots() -> SharedSlots | None:
    """The process's view of the shared slots; None where it serves alone."""
    if not settings.REDIS_URL:
        return None
    from chat.shared_slots import SharedSlots  # noqa: PLC0415  # only where there is Redis

    return SharedSlots(settings.REDIS_URL)


class StreamSlot:
    """One open stream: held by the running turn and by its reader, free when both let go."""

    def __init__(self, on_free: Callable[[], None]) -> None:
        self._on_free = on_free
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
            free = self._holders == 0
        if free:
            self._on_free()


async def take_stream(key: str) -> StreamSlot:
    """A slot of the credential ``key``. Raises ``RateLimited`` beyond ``MINIRAG_MAX_STREAMS``."""
    most = settings.MINIRAG_MAX_STREAMS
    with _lock:
        if most > 0 and _open[key] >= most:
            raise _too_many()
        _open[key] += 1
    shared = shared_slots() if most > 0 else None
    if shared is None:
        return StreamSlot(lambda: _let_go(key))
    slot = uuid4().hex
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(_threads, shared.take, key, slot, most):
        _let_go(key)
        raise _too_many()

    def free() -> None:
        _let_go(key)
        _threads.submit(shared.free, slot)

    return StreamSlot(free)


def _let_go(key: str) -> None:
    with _lock:
        _open[key] -= 1
        if _open[key] <= 0:
            del _open[key]


def _too_many() -> RateLimited:
    return RateLimited("Too many answers are streaming at once for this credential.")


def open_streams() -> int:
    """All open streams of this process."""
    with _lock:
        return sum(_open.values())
