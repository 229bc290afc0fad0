"""Open streams per credential: counted in this process, and in Redis where several serve."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Event, Lock, Thread
from uuid import uuid4

import redis
from django.conf import settings

from minirag.errors import RateLimited

log = logging.getLogger(__name__)

# A slot whose process died is free again after so many seconds.
_LEASE_SECONDS = 30.0
_RENEWALS_PER_LEASE = 3

_lock = Lock()
_open: Counter[str] = Counter()
_threads = ThreadPoolExecutor(1, thread_name_prefix="chat-slots")


class SharedSlots:
    """The slots of all processes: one sorted set per credential, slot ids by when they expire."""

    _TAKE = """
        local time = redis.call('TIME')
        local now = time[1] + time[2] / 1000000
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
        redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
        redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[3]))
        return 1
    """
    _RENEW = """
        local time = redis.call('TIME')
        local now = time[1] + time[2] / 1000000
        redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
        redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[2]))
    """

    def __init__(self, url: str, lease: float = _LEASE_SECONDS) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._take = self._redis.register_script(self._TAKE)
        self._renew = self._redis.register_script(self._RENEW)
        self._lease = lease
        self._held: dict[str, str] = {}
        self._held_lock = Lock()
        self._closed = Event()
        self._renewed = Event()
        self._renewing: Thread | None = None

    def take(self, key: str, slot: str, most: int) -> bool:
        """Whether there was room. Without Redis there is: each process then counts its own."""
        try:
            taken = bool(self._take(keys=[self._name(key)], args=[slot, most, self._lease]))
        except redis.RedisError:
            log.warning("Redis does not answer: streams are counted per process", exc_info=True)
            return True
        if taken:
            with self._held_lock:
                self._held[slot] = key
                if self._renewing is None:
                    self._renewing = Thread(target=self._renew_held, daemon=True)
                    self._renewing.start()
        return taken

    def free(self, slot: str) -> None:
        with self._held_lock:
            key = self._held.pop(slot, None)
        if key is not None:
            try:
                self._redis.zrem(self._name(key), slot)
            except redis.RedisError:
                log.warning("a stream's slot stays taken until its lease ends", exc_info=True)

    def wait_for_renewal(self) -> None:
        """Return after the next renewal of what is held."""
        self._renewed.clear()
        self._renewed.wait(self._lease)

    def close(self) -> None:
        """End the renewals; what is still held expires."""
        self._closed.set()

    def _renew_held(self) -> None:
        while not self._closed.wait(self._lease / _RENEWALS_PER_LEASE):
            with self._held_lock:
                held = list(self._held.items())
            try:
                for slot, key in held:
                    self._renew(keys=[self._name(key)], args=[slot, self._lease])
            except redis.RedisError:
                log.warning("the slots of open streams could not be renewed", exc_info=True)
            self._renewed.set()

    def _name(self, key: str) -> str:
        return f"minirag:streams:{key}"


@lru_cache(maxsize=1)
def shared_slots() -> SharedSlots | None:
    """The process's view of the shared slots; None where it serves alone."""
    return SharedSlots(settings.REDIS_URL) if settings.REDIS_URL else None


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
