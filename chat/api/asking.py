"""Asking a bot, and stopping it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat import turns
from chat.api.access import AsyncWidgetView
from chat.api.searching import MODEL_FAILURES
from chat.api.sse import EventStreamRenderer, stream_response
from chat.database import in_database
from chat.event_logs import event_log
from chat.events import EventName
from chat.models import Message
from chat.selectors import access_asked
from chat.serializers import AnswerOutput, ChatInput, MessageOutput
from chat.services import Ask, request_stop
from minirag.api.renderers import BrowsableRenderer
from minirag.api.serializers import NoBody
from minirag.errors import ErrorCode, MiniRAGError
from tenants.models import TokenScope

_QUESTION = {
    "bot_profile_id": "6f1c2f1e-0d0b-4c43-9f55-0f6e1f0f2d11",
    "message": "Within how many days are fuel receipts handed in?",
    "stream": True,
}
_STREAM = """id: 1
event: start
data: {"chat_id": "…", "message_id": "…", "bot_profile_id": "…"}

id: 2
event: retrieval
data: {"query": "…", "rewritten": false, "hits": []}

id: 3
event: delta
data: {"text": "Within seven days [1]."}

id: 4
event: done
data: {"answer": "Within seven days [1].", "finish_reason": "stop"}

"""


class ChatView(AsyncWidgetView):
    """A question to a bot, answered whole or as a stream of events."""

    scopes = {"POST": TokenScope.CHAT}
    rate = "chat"
    idempotent = True
    actions = {"POST": "chat.ask"}
    failures = {"POST": (ErrorCode.NOT_FOUND, ErrorCode.ORIGIN_REFUSED, *MODEL_FAILURES)}
    renderer_classes = [JSONRenderer, EventStreamRenderer, BrowsableRenderer]

    @extend_schema(
        operation_id="chat",
        summary="Ask a bot; whole or as a stream of events",
        request=ChatInput,
        examples=[OpenApiExample("A question", _QUESTION, request_only=True)],
        responses={
            (200, "application/json"): AnswerOutput,
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR,
                "With `stream`: the events `start`, `retrieval`, any number of `delta`, and one "
                "`done` (data: the whole body of the other form) or `error`. Each has `id:`, "
                "`event:` and one line of JSON as `data:`; comment lines keep the connection open.",
                examples=[OpenApiExample("A stream", _STREAM)],
            ),
        },
    )
    async def post(self, request: Request) -> HttpResponseBase:
        data = await sync_to_async(self.body)(ChatInput)
        ask = Ask(
            bot_profile_id=data["bot_profile_id"],
            message=data["message"],
            chat_id=data.get("chat_id"),
            external_user=data.get("external_user"),
        )
        opened = await turns.open_turn(self.auth, ask)
        message_id = opened.turn.message_id
        if data["stream"]:
            await self.aremember_message(message_id)
            return stream_response(self.auth, message_id, opened.slot.release)
        try:
            return await self._whole(message_id)
        except asyncio.CancelledError:
            # The client went away; its repeat under the same key shall get this very answer.
            await asyncio.shield(self.aremember_message(message_id))
            raise
        finally:
            opened.slot.release()

    async def replay_message(self, message_id: UUID) -> HttpResponseBase:
        """The stream, or the whole answer, of the first request under this key."""
        if self.request.data.get("stream"):
            return stream_response(self.auth, message_id, lambda: None)
        return await self._whole(message_id)

    async def _whole(self, message_id: UUID) -> Response:
        patience = float(settings.MINIRAG_SSE_HEARTBEAT_SECONDS)
        async with aclosing(turns.follow(self.auth.tenant_id, message_id, patience)) as events:
            async for logged in events:
                if logged is not None and logged.event.name is EventName.DONE:
                    return Response(dict(logged.event.data))
                if logged is not None and logged.event.name is EventName.ERROR:
                    data = logged.event.data
                    raise MiniRAGError(
                        data["message"],
                        code=ErrorCode(data["code"]),
                        retry_after=logged.event.retry_after,
                    )
        raise MiniRAGError


class StopView(AsyncWidgetView):
    """The text so far stays. An answer that has ended stays as it is. A token without `read` stops
    the answers that it asked for itself.
    """

    scopes = {"POST": TokenScope.CHAT}
    path_objects = {"message_id": access_asked}
    actions = {"POST": "message.stop"}
    failures = {"POST": (ErrorCode.CONFLICT,)}

    @extend_schema(
        operation_id="messages_stop",
        summary="End an answer under way",
        request=NoBody,
        responses=MessageOutput,
    )
    async def post(self, request: Request, message_id: str) -> Response:
        await sync_to_async(self.body)(NoBody)
        message: Message = await in_database(request_stop, self.auth, self.object("message_id"))
        await event_log().ask_stop(message.pk)
        shown: dict[str, Any] = await sync_to_async(lambda: MessageOutput(message).data)()
        return Response(shown)
