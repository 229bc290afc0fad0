"""The windows of all processes, counted in Redis."""

from __future__ import annotations

import logging

import redis

from minirag.api.limits import WINDOW_SECONDS, MemoryCounter

log = logging.getLogger("minirag.limits")


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
