"""The open streams of all processes, counted in Redis."""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread

import redis

log = logging.getLogger("chat.limits")

# A slot whose process died is free again after so many seconds.
_LEASE_SECONDS = 30.0
_RENEWALS_PER_LEASE = 3


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
