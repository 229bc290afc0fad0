"""The chat over a WebSocket: the events of SSE as JSON frames, several questions side by side."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from chat import turns
from chat.database import in_database
from chat.event_logs import event_log
from chat.frames import ProtocolError, parse_frame, read_ask, read_message_id
from chat.handshake import PROTOCOL, authenticate, recheck
from chat.limits import StreamSlot
from chat.models import Channel
from chat.selectors import access_asked
from chat.services import request_stop
from minirag.api.context import new_request_id
from minirag.api.errors import error_body
from minirag.api.limits import count_request
from minirag.errors import (
    BadRequest,
    MiniRAGError,
    NotFound,
    OriginRefused,
    RateLimited,
    Unauthenticated,
)
from tenants.context import AuthContext
from tenants.scope import tenant_scope

log = logging.getLogger(__name__)

REVOKED = 4401
ORIGIN_GONE = 4403
IDLE = 4408
BAD_PROTOCOL = 4409
LIMIT = 4429
OUR_FAULT = 1011
# An extension of ASGI: a refused handshake with headers and a body.
_WITH_BODY = "websocket.http.response"
# Frames of any type per window; a client that goes on beyond it is not talking to a person.
_FRAMES = 300
_WINDOW_SECONDS = 10.0
# Refused questions in a row after which the socket is closed.
_REFUSALS = 20


async def _deny(consumer: AsyncWebsocketConsumer, error: MiniRAGError) -> None:
    """End a handshake with 403, and with the API's error body where the server can carry one."""
    request_id = new_request_id()
    log.info("websocket handshake %s refused: %s", request_id, error.code)
    if _WITH_BODY not in consumer.scope.get("extensions", {}):
        await consumer.close()
        return
    body = json.dumps(error_body(error, request_id)).encode()
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    start = {"type": f"{_WITH_BODY}.start", "status": HTTPStatus.FORBIDDEN, "headers": headers}
    for message in (start, {"type": f"{_WITH_BODY}.body", "body": body}):
        await AsyncConsumer.send(consumer, message)


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One socket of one credential. See the contract's section 5."""

    auth: AuthContext

    async def connect(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._heard = self._window = time.monotonic()
        self._frames = self._refusals = 0
        self._closing = False
        try:
            self.auth = await in_database(authenticate, self.scope)
        except MiniRAGError as error:
            await _deny(self, error)
            return
        await self.accept(PROTOCOL)
        self._watch = asyncio.create_task(self._keep_watch())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._closing:
            return
        self._heard = time.monotonic()
        if self._too_many_frames():
            await self._end(LIMIT)
            return
        try:
            frame = parse_frame(text_data)
        except ProtocolError:
            await self._end(BAD_PROTOCOL)
            return
        client_id = frame.get("id")
        try:
            await self._serve(frame)
            self._refusals = 0
        except MiniRAGError as error:
            await self._refuse(client_id, error)
        except Exception:
            log.exception("a frame could not be served")
            await self._refuse(client_id, MiniRAGError())

    async def disconnect(self, code: int) -> None:
        self._closing = True
        for task in (self._watch, *self._tasks):
            if task is not None:
                task.cancel()

    async def _serve(self, frame: Mapping[str, Any]) -> None:
        kind = frame["type"]
        if kind == "ping":
            await self._send({"type": "pong"})
        elif kind == "stop":
            await self._stop(read_message_id(frame))
        elif kind == "ask":
            await self._ask(frame)
        else:
            raise BadRequest("This type of frame is not known.")

    async def _ask(self, frame: Mapping[str, Any]) -> None:
        await in_database(self._count)
        ask = read_ask(frame, Channel.WEBSOCKET)
        opened = await turns.open_turn(self.auth, ask)
        task = asyncio.create_task(self._tell(frame.get("id"), opened.turn.message_id, opened.slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _count(self) -> None:
        policy = "widget" if self.auth.widget is not None else "chat"
        verdict = count_request(policy, self.auth.rate_key)
        if verdict:
            verdict.check()

    async def _stop(self, message_id: UUID) -> None:
        with tenant_scope(self.auth.tenant_id):
            message = await in_database(access_asked, self.auth, message_id)
            await in_database(request_stop, self.auth, message)
        await event_log().ask_stop(message_id)

    async def _tell(self, client_id: Any, message_id: UUID, slot: StreamSlot) -> None:
        """Send an answer's events as they come; the answer goes on where nobody hears it."""
        patience = float(settings.MINIRAG_SSE_HEARTBEAT_SECONDS)
        try:
            async with aclosing(turns.follow(self.auth.tenant_id, message_id, patience)) as events:
                async for logged in events:
                    if logged is not None:
                        await self._send(
                            {
                                "type": str(logged.event.name),
                                "seq": logged.seq,
                                "id": client_id,
                                **logged.event.data,
                            }
                        )
                        self._heard = time.monotonic()
        except MiniRAGError as error:
            await self._refuse(client_id, error)
        except Exception:
            # The edge of a task: a client that waits for an end must not wait for ever.
            log.exception("the events of answer %s could not be sent", message_id)
            await self._end(OUR_FAULT)
        finally:
            slot.release()

    async def _keep_watch(self) -> None:
        """Close when the credential, the origin or the client is gone."""
        while not self._closing:
            await asyncio.sleep(settings.MINIRAG_WS_RECHECK_SECONDS)
            try:
                await in_database(recheck, self.auth)
            except OriginRefused:
                await self._end(ORIGIN_GONE)
            except (Unauthenticated, NotFound):
                await self._end(REVOKED)
            except DatabaseError:  # it is away: nothing can be asked over this socket either
                log.warning("a socket's credential could not be looked at", exc_info=True)
            except Exception:
                # The edge of a task: a socket that nobody watches must not stay open.
                log.exception("a socket's credential cannot be looked at")
                await self._end(OUR_FAULT)
            idle = time.monotonic() - self._heard
            if not self._tasks and idle > settings.MINIRAG_WS_IDLE_SECONDS:
                await self._end(IDLE)

    def _too_many_frames(self) -> bool:
        if self._heard - self._window > _WINDOW_SECONDS:
            self._window, self._frames = self._heard, 0
        self._frames += 1
        return self._frames > _FRAMES

    async def _refuse(self, client_id: Any, error: MiniRAGError) -> None:
        """An ``error`` frame; the socket stays open for a client that listens to it."""
        data: dict[str, Any] = {"type": "error", "id": client_id, **error.as_field()}
        if error.fields:
            data["fields"] = error.fields
        await self._send(data)
        if isinstance(error, RateLimited):
            self._refusals += 1
            if self._refusals >= _REFUSALS:
                await self._end(LIMIT)

    async def _send(self, data: Mapping[str, Any]) -> None:
        if not self._closing:
            await self.send(text_data=json.dumps(data, ensure_ascii=False))

    async def _end(self, code: int) -> None:
        if not self._closing:
            self._closing = True
            await self.close(code)


class UnknownPathConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Refuses an unknown path in the handshake; without it Channels answers 500."""

    async def connect(self) -> None:
        await _deny(self, NotFound())
