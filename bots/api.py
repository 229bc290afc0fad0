"""Endpoints of bots."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from bots.checking import check_bot
from bots.selectors import access_bot, list_bots
from bots.serializers import BotCreate, BotSerializer, BotUpdate, CheckSerializer
from bots.services import create_bot, delete_bot, update_bot
from chat.event_logs import stop_answers
from chat.services import running_answers
from minirag.api.serializers import NoBody, PageParams, page_of
from minirag.errors import ErrorCode
from tenants.api_base import TenantView
from tenants.models import TokenScope


class BotsView(TenantView):
    """The tenant's bots."""

    scopes: ClassVar = {"GET": TokenScope.READ, "POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "bot.create"}
    failures: ClassVar = {"POST": (ErrorCode.ADDRESS_REFUSED,)}
    idempotent = True
    atomic = True

    @extend_schema(
        operation_id="bot_profiles_list",
        summary="Bots, newest first",
        parameters=[PageParams],
        responses=page_of(BotSerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(list_bots(self.auth), BotSerializer)

    @extend_schema(
        operation_id="bot_profiles_create",
        summary="Make a bot",
        request=BotCreate,
        examples=[
            OpenApiExample("A bot", {"name": "Fleet bot", "source_ids": []}, request_only=True)
        ],
        responses={201: BotSerializer},
    )
    def post(self, request: Request) -> Response:
        """Without a `slug` it gets one from its name; without a `model` it quotes its sources and
        needs no key. `credentials` need scope `admin`.
        """
        bot = create_bot(self.auth, **self.body(BotCreate))
        return Response(BotSerializer(bot).data, status=201)


class BotView(TenantView):
    """One bot."""

    scopes: ClassVar = {
        "GET": TokenScope.READ,
        "PATCH": TokenScope.WRITE,
        "DELETE": TokenScope.WRITE,
    }
    actions: ClassVar = {"PATCH": "bot.update", "DELETE": "bot.delete"}
    failures: ClassVar = {
        "PATCH": (ErrorCode.ADDRESS_REFUSED,),
        "DELETE": (ErrorCode.CONFLICT,),
    }
    path_objects: ClassVar = {"bot_profile_id": access_bot}

    @extend_schema(operation_id="bot_profiles_retrieve", summary="One bot", responses=BotSerializer)
    def get(self, request: Request, **_: Any) -> Response:
        return Response(BotSerializer(self.object("bot_profile_id")).data)

    @extend_schema(
        operation_id="bot_profiles_update",
        summary="Change a bot; widget is merged, credentials are replaced whole",
        request=BotUpdate,
        responses=BotSerializer,
    )
    def patch(self, request: Request, **_: Any) -> Response:
        """What is left out stays; null clears `credentials`, which need scope `admin`."""
        changes = self.body(BotUpdate, partial=True)
        bot = update_bot(self.auth, self.object("bot_profile_id"), **changes)
        return Response(BotSerializer(bot).data)

    @extend_schema(
        operation_id="bot_profiles_delete",
        summary="Delete a bot with its chats, ending its answers; its usage stays",
        responses={204: None},
    )
    def delete(self, request: Request, **_: Any) -> Response:
        bot = self.object("bot_profile_id")
        running = running_answers(bot)
        delete_bot(self.auth, bot)
        stop_answers(running)
        return Response(status=204)


class BotCheckView(TenantView):
    """Where the bot's model does not answer, `ok` is false and `error` says what to change."""

    scopes: ClassVar = {"POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "bot.check"}
    failures: ClassVar = {"POST": (ErrorCode.QUOTA_EXCEEDED,)}
    path_objects: ClassVar = {"bot_profile_id": access_bot}
    rate = "chat"
    idempotent = True

    @extend_schema(
        operation_id="bot_profiles_check",
        summary="One tiny call to the bot's model",
        request=NoBody,
        responses=CheckSerializer,
    )
    def post(self, request: Request, **_: Any) -> Response:
        self.body(NoBody)
        result = check_bot(self.auth, self.object("bot_profile_id"))
        shown: dict[str, Any] = {"ok": result.ok, "latency_ms": result.latency_ms}
        if result.error:
            shown["error"] = result.error
        return Response(shown)
