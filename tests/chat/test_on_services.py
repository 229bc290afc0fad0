"""The ways of an answer that differ where several processes serve: PostgreSQL, and Redis Streams.

The very tests of the embedded half, run again on the event log and the slots in Redis.
"""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from chat.event_logs import event_log
from chat.event_logs.redis_streams import RedisEventLog
from chat.events import Event, EventName
from tests.chat.test_http import (  # noqa: F401  # collected here too
    api,
    test_a_client_that_goes_away_loses_nothing,
    test_a_repeat_under_the_same_key_attaches,
    test_a_whole_answer,
    test_stop_over_http,
    test_the_stream_is_the_contracts,
    test_too_many_streams,
)
from tests.chat.test_turns import (  # noqa: F401  # collected here too
    test_a_deleted_chat_ends_its_stream,
    test_a_late_worker_writes_nothing,
    test_a_second_question_while_streaming_is_a_conflict,
    test_shutdown_interrupts_and_says_so,
)
from tests.chat.test_websocket import (  # noqa: F401  # collected here too
    test_a_question_and_its_events,
    test_stop,
    test_the_answer_outlives_the_socket,
    token,
)

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quiet_end")]


async def test_the_log_is_in_redis_and_closes_at_once() -> None:
    """Its sender and its listener both wait in a blocking read; neither holds up an end."""
    log = event_log()
    assert isinstance(log, RedisEventLog)
    stream, stopped = uuid.uuid4(), asyncio.Event()
    log.on_stop(stream, stopped.set)
    log.append(stream, Event(EventName.DELTA, {"text": "a"}))
    await log.ask_stop(stream)
    await asyncio.wait_for(stopped.wait(), 5)
    began = time.monotonic()
    await log.close()
    assert time.monotonic() - began < 1.5
    assert [task for task in asyncio.all_tasks() if "RedisEventLog" in repr(task)] == []


async def test_a_stop_asked_before_anybody_listens_is_heard() -> None:
    stream, heard = uuid.uuid4(), asyncio.Event()
    elsewhere = event_log()
    await elsewhere.ask_stop(stream)
    event_log.cache_clear()
    here = event_log()
    here.on_stop(stream, heard.set)
    await asyncio.wait_for(heard.wait(), 5)
    await elsewhere.close()
