"""A visitor's session with one bot: no credential, but an origin that the bot allows."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bots.models import BotProfile
from bots.selectors import bot_by_public_id
from chat.cors import allow_origin, embedding_origins, is_preflight, preflight
from chat.serializers import WidgetSessionInput, WidgetSessionOutput
from chat.widget import check_origin, own_origins
from minirag.api.context import info_of
from minirag.api.errors import flatten
from minirag.api.limits import count_request
from minirag.api.parsers import StrictJSONParser
from minirag.errors import ErrorCode, Invalid, NotFound
from tenants import widget_tokens
from tenants.scope import platform_scope

# Sessions are asked for by pages, not typed: an office behind one address needs several.
_SESSIONS_PER_ADDRESS = 5


class WidgetSessionView(APIView):
    """Gives a visitor a token for one bot."""

    # Its credential is the page's Origin.
    public = True
    failures = {"POST": (ErrorCode.NOT_FOUND, ErrorCode.ORIGIN_REFUSED)}
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    http_method_names = ["post", "options"]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_preflight(request):
            return preflight(request, ("POST",))
        response = super().dispatch(request, *args, **kwargs)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            # A page with a widget reads why it got no session; which widget may not be known.
            allow_origin(request, response, embedding_origins())
        return response

    @extend_schema(
        operation_id="widget_session",
        summary="A visitor's session with one bot",
        request=WidgetSessionInput,
        responses=WidgetSessionOutput,
    )
    def post(self, request: Request) -> Response:
        """A session for the page that asks; its ``Origin`` must be one the bot allows."""
        verdict = count_request(
            "widget", f"session:{info_of(request).ip}", times=_SESSIONS_PER_ADDRESS
        )
        if verdict:
            self.headers.update(verdict.headers())
            verdict.check()
        given = WidgetSessionInput(data=request.data)
        if not given.is_valid():
            raise Invalid(fields=flatten(given.errors))
        bot = _open_bot(given.validated_data["public_id"])
        own = own_origins(request.get_host(), secure=request.is_secure())
        origin = check_origin(bot, request.headers.get("Origin", ""), own)
        visitor = given.validated_data.get("visitor_id") or uuid.uuid4()
        token, expires_at = widget_tokens.issue(bot.pk, bot.tenant_id, visitor, origin)
        data = {"token": token, "expires_at": expires_at, "visitor_id": visitor}
        response = Response(WidgetSessionOutput(data).data)
        response["Cache-Control"] = "no-store"
        allow_origin(request._request, response, {origin})
        return response


def _open_bot(public_id: str) -> BotProfile:
    """Raises ``NotFound`` alike for an unknown widget and one that is closed."""
    with platform_scope("widget session: the tenant follows from the public id"):
        bot = bot_by_public_id(public_id)
        if not (bot.widget_enabled and bot.is_active and bot.tenant.is_active):
            raise NotFound
        return bot
