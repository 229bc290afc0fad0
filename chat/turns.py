"""Running turns: detached from their sockets, kept alive by a lease, ended in the row first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from chat.control import Control, Ending
from chat.database import in_database
from chat.event_logs import event_log
from chat.events import Event, EventName, LoggedEvent
from chat.limits import StreamSlot, take_stream
from chat.models import BEATS_PER_LEASE, Message, MessageStatus
from chat.orchestrator import Outcome, Turn, answer
from chat.payloads import answer_data
from chat.selectors import get_message
from chat.services import Ask, begin_turn, finish_turn, renew_lease
from minirag.errors import RETRYABLE, ErrorCode, MiniRAGError, NotFound
from minirag.metrics import FIRST_TOKEN_SECONDS, TURNS
from tenants.context import AuthContext
from tenants.scope import tenant_scope

log = logging.getLogger(__name__)

_WRITE_TRIES = 5
_SHUTDOWN_SECONDS = 10.0
# The longest wait for readers to take an answer's last event.
_READERS_SECONDS = 1.0
# A finished stream's events are there at once, or not at all.
_REPLAY_PATIENCE = 0.2


@dataclass(slots=True)
class _Running:
    control: Control
    task: asyncio.Task[None] | None = None
    texts: list[str] = field(default_factory=list)


_running: dict[UUID, _Running] = {}
# Done when its reader has taken the last event, or has gone.
_readers: set[asyncio.Future[None]] = set()


@dataclass(frozen=True, slots=True)
class Opened:
    """A running turn, and the stream's slot that its reader holds too."""

    turn: Turn
    slot: StreamSlot


async def open_turn(auth: AuthContext, ask: Ask) -> Opened:
    """Begin a turn and run it. A caller that goes away meanwhile leaves no turn half begun.

    Raises ``RateLimited`` and what ``begin_turn`` raises. The caller releases the slot.
    """
    return await asyncio.shield(_open(auth, ask))


async def _open(auth: AuthContext, ask: Ask) -> Opened:
    slot = await take_stream(auth.rate_key)
    try:
        with tenant_scope(auth.tenant_id):
            turn = await in_database(begin_turn, auth, ask)
    except BaseException:
        slot.release()
        raise
    start(turn, slot.share().release)
    return Opened(turn, slot)


def start(turn: Turn, on_end: Callable[[], None] = lambda: None) -> None:
    """Run a begun turn in this event loop, whoever listens. ``on_end`` is called last."""
    entry = _Running(Control())
    _running[turn.message_id] = entry
    event_log().on_stop(turn.message_id, lambda: entry.control.end(Ending.STOPPED))
    entry.task = asyncio.get_running_loop().create_task(_run(turn, entry))

    def ended(_: asyncio.Task[None]) -> None:
        _running.pop(turn.message_id, None)
        event_log().drop_stop(turn.message_id)
        on_end()

    entry.task.add_done_callback(ended)


async def _run(turn: Turn, entry: _Running) -> None:
    begun = time.perf_counter()

    def emit(event: Event) -> None:
        if event.name is EventName.DELTA:
            if not entry.texts:
                FIRST_TOKEN_SECONDS.observe(time.perf_counter() - begun)
            entry.texts.append(event.data["text"])
        event_log().append(turn.message_id, event)

    ids = {"chat_id": str(turn.chat_id), "message_id": str(turn.message_id)}
    with tenant_scope(turn.tenant.pk):
        emit(Event(EventName.START, {**ids, "bot_profile_id": str(turn.bot.pk)}))
        beats = asyncio.create_task(_keep_lease(turn, entry))
        try:
            outcome = await _answer(turn, emit, entry)
            TURNS.labels(outcome.status).inc()
            last = await _finish(turn, outcome)
        finally:
            beats.cancel()
        emit(last)


async def _answer(turn: Turn, emit: Callable[[Event], None], entry: _Running) -> Outcome:
    try:
        return await answer(turn, emit, entry.control)
    except Exception:
        log.exception("answer %s failed", turn.message_id)
        text = "".join(entry.texts)
        status = MessageStatus.INTERRUPTED if text else MessageStatus.FAILED
        return Outcome(text, status, error=MiniRAGError())


async def _finish(turn: Turn, outcome: Outcome) -> Event:
    """Write the row's end, patient with a database that is away, then say it."""
    for attempt in range(_WRITE_TRIES):
        try:
            message = await in_database(finish_turn, turn, outcome)
            break
        except NotFound:
            return _error_event(ErrorCode.NOT_FOUND, "The chat was deleted.", turn.message_id)
        except DatabaseError:
            log.warning("the end of answer %s waits for the database", turn.message_id)
            await asyncio.sleep(0.2 * 4**attempt)
    else:
        # The lease runs out and the sweeper ends the row; the client is not told a lie meanwhile.
        return _error_event(
            ErrorCode.UNAVAILABLE, "The answer could not be stored.", turn.message_id
        )
    last = terminal_event(message)
    return replace(last, retry_after=outcome.error.retry_after if outcome.error else None)


async def _keep_lease(turn: Turn, entry: _Running) -> None:
    while True:
        await asyncio.sleep(settings.MINIRAG_CHAT_LEASE_SECONDS / BEATS_PER_LEASE)
        try:
            beat = await in_database(renew_lease, turn.message_id, "".join(entry.texts))
        except DatabaseError:
            log.warning("the lease of answer %s could not be renewed", turn.message_id)
            continue
        if not beat.alive:
            entry.control.end(Ending.INTERRUPTED)
        elif beat.stop_requested:
            entry.control.end(Ending.STOPPED)


def terminal_event(message: Message) -> Event:
    """The last event of an answer, from its final row."""
    if message.status in (MessageStatus.INTERRUPTED, MessageStatus.FAILED):
        error = message.error or MiniRAGError().as_field()
        return _error_event(ErrorCode(error["code"]), error["message"], message.pk)
    return Event(EventName.DONE, answer_data(message, message.citations.all()))


def _error_event(code: ErrorCode, text: str, message_id: UUID) -> Event:
    return Event(
        EventName.ERROR,
        {
            "code": str(code),
            "message": text,
            "retryable": code in RETRYABLE,
            "message_id": str(message_id),
        },
    )


async def follow(
    tenant_id: UUID, message_id: UUID, patience: float
) -> AsyncGenerator[LoggedEvent | None, None]:
    """All events of an answer, from its first, live, to its last.

    None whenever nothing came for ``patience`` seconds. Where the writing process died, or the log
    has forgotten the answer, the row tells the end. Raises ``NotFound`` where the row is gone.
    """
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    _readers.add(gone)
    try:
        async with aclosing(_follow(tenant_id, message_id, patience)) as events:
            async for logged in events:
                yield logged
    finally:
        _readers.discard(gone)
        gone.cancel()


async def _follow(
    tenant_id: UUID, message_id: UUID, patience: float
) -> AsyncGenerator[LoggedEvent | None, None]:
    told = _Told()
    replay = message_id not in _running and await _final_row(tenant_id, message_id) is not None
    final = replay
    source = event_log().read(message_id, 0, _REPLAY_PATIENCE if replay else patience)
    async with aclosing(source) as events:
        async for logged in events:
            if logged is not None:
                told.note(logged)
            elif message_id not in _running:
                message = await _final_row(tenant_id, message_id)
                if message is not None and final:
                    for missing in _from_row(message, told):
                        yield missing
                    return
                # Just ended elsewhere: its last event may still be on its way.
                final = message is not None
            yield logged


@dataclass(slots=True)
class _Told:
    """What a reader has got so far."""

    seq: int = 0
    text: str = ""

    def note(self, logged: LoggedEvent) -> None:
        self.seq = logged.seq
        if logged.event.name is EventName.DELTA:
            self.text += logged.event.data["text"]


async def _final_row(tenant_id: UUID, message_id: UUID) -> Message | None:
    with tenant_scope(tenant_id):
        message = await in_database(get_message, message_id)
    if message is None:
        raise NotFound
    return None if message.status == MessageStatus.STREAMING else message


def _from_row(message: Message, told: _Told) -> list[LoggedEvent]:
    """The events that the row still tells; what was searched is forgotten with the log."""
    events: list[Event] = []
    if told.seq == 0:
        ids = {"chat_id": str(message.chat_id), "message_id": str(message.pk)}
        events.append(Event(EventName.START, {**ids, "bot_profile_id": str(message.chat.bot_id)}))
    rest = message.content.removeprefix(told.text)
    if rest and message.content.startswith(told.text):
        events.append(Event(EventName.DELTA, {"text": rest}))
    events.append(terminal_event(message))
    return [LoggedEvent(seq, event) for seq, event in enumerate(events, start=told.seq + 1)]


async def end_running() -> None:
    """End every running turn as interrupted, in its row, and let its readers hear of it."""
    tasks = [entry.task for entry in _running.values() if entry.task is not None]
    for entry in list(_running.values()):
        entry.control.end(Ending.INTERRUPTED)
    if tasks:
        await asyncio.wait(tasks, timeout=_SHUTDOWN_SECONDS)
    if _readers:
        await asyncio.wait(_readers, timeout=_READERS_SECONDS)


async def shutdown() -> None:
    """End what still runs, before the process goes."""
    await end_running()
    await event_log().close()
