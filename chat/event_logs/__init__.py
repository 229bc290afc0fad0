"""Adapters of the ``EventLog`` seam, and the process's own one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings

from chat.event_logs.memory import MemoryEventLog
from chat.events import EventLog
from minirag import wiring


@lru_cache(maxsize=1)
def event_log() -> EventLog:
    """In this process's memory, or in Redis where several processes serve."""
    if wiring.is_embedded():
        return MemoryEventLog()
    from chat.event_logs.redis_streams import (  # noqa: PLC0415  # only where there is Redis
        RedisEventLog,
    )

    return RedisEventLog(settings.REDIS_URL)


def stop_answers(message_ids: Iterable[UUID]) -> None:
    """Ask, from a synchronous edge, whoever writes these answers to end them."""
    for message_id in message_ids:
        async_to_sync(event_log().ask_stop)(message_id)
