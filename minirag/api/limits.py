"""Request limits: fixed windows counted atomically, in this process or in Redis for many."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Protocol

import redis
from django.conf import settings

from minirag.errors import RateLimited

log = logging.getLogger("minirag.limits")
WINDOW_SECONDS = 60
_SWEEP_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """One counted request. ``reset`` is in seconds until the window ends."""

    policy: str
    quota: int
    used: int
    reset: float

    @property
    def allowed(self) -> bool:
        return self.used <= self.quota

    @property
    def remaining(self) -> int:
        return max(0, self.quota - self.used)

    def headers(self) -> dict[str, str]:
        """``RateLimit`` and ``RateLimit-Policy`` (IETF draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={math.ceil(self.reset)}',
        }

    def check(self) -> None:
        """Raises ``RateLimited`` when the window is used up."""
        if not self.allowed:
            raise RateLimited(retry_after=self.reset)


class Counter(Protocol):
    """Counts one event of ``key``; gives the count in its window and the seconds left of it."""

    def hit(self, key: str) -> tuple[int, float]: ...


class MemoryCounter:
    """Exact within one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        self._hits = 0

    def hit(self, key: str) -> tuple[int, float]:
        with self._lock:
            now = self._clock()
            self._sweep(now)
            ends, used = self._windows.get(key, (0.0, 0))
            if ends <= now:
                ends, used = now + WINDOW_SECONDS, 0
            self._windows[key] = (ends, used + 1)
            return used + 1, ends - now

    def _sweep(self, now: float) -> None:
        """Forget ended windows now and then, so that rotating keys cannot fill the memory."""
        self._hits += 1
        if self._hits % _SWEEP_EVERY == 0:
            self._windows = {key: one for key, one in self._windows.items() if one[0] > now}


class RedisCounter:
    """Exact across processes: count and expiry are one script. Counts here when Redis is away."""

    _SCRIPT = """
        local used = redis.call('INCR', KEYS[1])
        local left = redis.call('PTTL', KEYS[1])
        if left < 0 then
            redis.call('PEXPIRE', KEYS[1], ARGV[1])
            left = tonumber(ARGV[1])
        end
        return {used, left}
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._run = self._redis.register_script(self._SCRIPT)
        self._here = MemoryCounter()

    def hit(self, key: str) -> tuple[int, float]:
        try:
            used, left = self._run(keys=[f"minirag:rate:{key}"], args=[WINDOW_SECONDS * 1000])
        except redis.RedisError:
            log.warning("Redis does not answer: requests are counted per process", exc_info=True)
            return self._here.hit(key)
        return int(used), int(left) / 1000


@lru_cache(maxsize=1)
def counter() -> Counter:
    """The process's counter."""
    return RedisCounter(settings.REDIS_URL) if settings.REDIS_URL else MemoryCounter()


def quota_of(policy: str) -> int:
    """Requests per minute of ``api``, ``chat`` or ``widget``; 0 is no limit."""
    quotas = {
        "api": settings.MINIRAG_RATE_API,
        "chat": settings.MINIRAG_RATE_CHAT,
        "widget": settings.MINIRAG_RATE_WIDGET,
    }
    return int(quotas[policy])


def count_request(policy: str, key: str, *, times: int = 1) -> Verdict | None:
    """Count one request of ``key`` against ``times`` the policy's quota; None where it is off."""
    quota = quota_of(policy) * times
    if quota <= 0:
        return None
    used, reset = counter().hit(f"{policy}:{key}")
    return Verdict(policy, quota, used, reset)
