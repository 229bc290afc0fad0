"""Asking a bot, and stopping it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat import turns
from chat.api.access import AsyncWidgetView
from chat.api.sse import EventStreamRenderer, stream_response
from chat.database import in_database
from chat.event_logs import event_log
from chat.events import EventName
from chat.models import Message
from chat.selectors import access_message
from chat.serializers import AnswerOutput, ChatInput, MessageOutput
from chat.services import Ask, request_stop
from minirag.api.renderers import BrowsableRenderer
from minirag.errors import ErrorCode, MiniRAGError
from tenants.api_base import release_connections
from tenants.models import TokenScope


class ChatView(AsyncWidgetView):
    """A question to a bot, answered whole or as a stream of events."""

    scopes = {"POST": TokenScope.CHAT}
    rate = "chat"
    idempotent = True
    actions = {"POST": "chat.ask"}
    renderer_classes = [JSONRenderer, EventStreamRenderer, BrowsableRenderer]

    @extend_schema(
        operation_id="chat",
        request=ChatInput,
        responses={
            (200, "application/json"): AnswerOutput,
            (200, "text/event-stream"): str,
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
        # This request waits for as long as the answer takes: without a connection.
        await sync_to_async(release_connections)()
        patience = float(settings.MINIRAG_SSE_HEARTBEAT_SECONDS)
        async with aclosing(turns.follow(self.auth.tenant_id, message_id, patience)) as events:
            async for logged in events:
                if logged is not None and logged.event.name is EventName.DONE:
                    return Response(dict(logged.event.data))
                if logged is not None and logged.event.name is EventName.ERROR:
                    data = logged.event.data
                    raise MiniRAGError(data["message"], code=ErrorCode(data["code"]))
        raise MiniRAGError


class StopView(AsyncWidgetView):
    """Ends an answer under way; the text so far stays."""

    scopes = {"POST": TokenScope.CHAT}
    path_objects = {"message_id": access_message}
    actions = {"POST": "message.stop"}

    @extend_schema(operation_id="message_stop", request=None, responses=MessageOutput)
    async def post(self, request: Request, message_id: str) -> Response:
        message: Message = await in_database(request_stop, self.auth, self.object("message_id"))
        await event_log().ask_stop(message.pk)
        shown: dict[str, Any] = await sync_to_async(lambda: MessageOutput(message).data)()
        return Response(shown)
