"""Adapters of the ``EventLog`` seam, and the process's own one."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from chat.event_logs.memory import MemoryEventLog
from chat.event_logs.redis_streams import RedisEventLog
from chat.events import EventLog
from minirag import wiring


@lru_cache(maxsize=1)
def event_log() -> EventLog:
    """In this process's memory, or in Redis where several processes serve."""
    if wiring.is_embedded():
        return MemoryEventLog()
    return RedisEventLog(settings.REDIS_URL)
