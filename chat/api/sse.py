"""Server-sent events of one answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from chat import turns
from chat.database import in_database
from chat.events import Event, EventName, LoggedEvent
from minirag.errors import MiniRAGError, Unauthenticated
from tenants.authentication import still_valid
from tenants.context import AuthContext

_KEEP_ALIVE = b": still there\n\n"


class EventStreamRenderer(JSONRenderer):
    """Lets ``Accept: text/event-stream`` through; what is not streamed is JSON all the same."""

    media_type = "text/event-stream"
    format = "sse"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        context = args[1] if len(args) > 1 else kwargs.get("renderer_context")
        if context and "response" in context:
            context["response"]["Content-Type"] = "application/json"
        return super().render(data)


def frame(logged: LoggedEvent) -> bytes:
    """One event; its data is on one line, whatever the text holds."""
    text = f"id: {logged.seq}\nevent: {logged.event.name}\ndata: {logged.event.json()}\n\n"
    return text.encode()


def stream_response(
    auth: AuthContext, message_id: UUID, on_close: Callable[[], None]
) -> StreamingHttpResponse:
    """The events of an answer, live. ``on_close`` is called when nobody reads any more."""
    response = StreamingHttpResponse(
        _frames(auth, message_id, on_close), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _frames(
    auth: AuthContext, message_id: UUID, on_close: Callable[[], None]
) -> AsyncIterator[bytes]:
    patience = min(settings.MINIRAG_WS_RECHECK_SECONDS, settings.MINIRAG_SSE_HEARTBEAT_SECONDS)
    spoke = checked = time.monotonic()
    seq = 0
    try:
        async with aclosing(turns.follow(auth.tenant_id, message_id, patience)) as events:
            async for logged in events:
                now = time.monotonic()
                if now - checked >= settings.MINIRAG_WS_RECHECK_SECONDS:
                    checked = now
                    if not await in_database(still_valid, auth):
                        raise Unauthenticated("The credential was revoked.")
                if logged is not None:
                    spoke, seq = now, logged.seq
                    yield frame(logged)
                elif now - spoke >= settings.MINIRAG_SSE_HEARTBEAT_SECONDS:
                    spoke = now
                    yield _KEEP_ALIVE
    except MiniRAGError as error:
        yield frame(LoggedEvent(seq + 1, _error(error, message_id)))
    finally:
        on_close()


def _error(error: MiniRAGError, message_id: UUID) -> Event:
    return Event(
        EventName.ERROR,
        {**error.as_field(), "retryable": error.retryable, "message_id": str(message_id)},
    )
