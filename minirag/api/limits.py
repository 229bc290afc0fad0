"""Request limits: fixed windows, counted atomically in this process, or for many in Redis."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Protocol

from django.conf import settings

from minirag.errors import RateLimited

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
            return used + 1, min(ends - now, WINDOW_SECONDS)  # a sum of floats may be above

    def _sweep(self, now: float) -> None:
        """Forget ended windows now and then, so that rotating keys cannot fill the memory."""
        self._hits += 1
        if self._hits % _SWEEP_EVERY == 0:
            self._windows = {key: one for key, one in self._windows.items() if one[0] > now}


@lru_cache(maxsize=1)
def counter() -> Counter:
    """The process's counter."""
    if not settings.REDIS_URL:
        return MemoryCounter()
    from minirag.api.shared_limits import RedisCounter  # noqa: PLC0415  # only where there is Redis

    return RedisCounter(settings.REDIS_URL)


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
