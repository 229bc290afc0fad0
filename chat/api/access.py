"""What the views of chat share: visitors read their own chats, host pages hear only their own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from asgiref.sync import sync_to_async
from django.http.response import HttpResponseBase

from chat.cors import allow_origin, is_preflight, preflight
from chat.handshake import check_widget
from minirag.errors import Unauthenticated
from tenants import widget_tokens
from tenants.api_base import AsyncTenantView, TenantView
from tenants.authentication import bearer_of
from tenants.context import ActorKind
from tenants.models import TokenScope
from tenants.permissions import allows

_METHODS = ("GET", "POST")


class _OfOpenWidget(TenantView):
    """A session ends with its widget: closed, or its page's origin taken off the list."""

    widget_allowed = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_widget(self.auth)


class WidgetView(_OfOpenWidget):
    """A view that a widget may call, also from its host page."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_preflight(request):
            return preflight(request, _METHODS)
        return super().dispatch(request, *args, **kwargs)

    def finish(self, response: HttpResponseBase) -> HttpResponseBase:
        return _for_origin(self, super().finish(response))


class AsyncWidgetView(_OfOpenWidget, AsyncTenantView):
    """The asynchronous twin."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Awaitable[HttpResponseBase]:  # type: ignore[override]
        if is_preflight(request):
            return sync_to_async(preflight)(request, _METHODS)
        return super().dispatch(request, *args, **kwargs)

    def finish(self, response: HttpResponseBase) -> HttpResponseBase:
        return _for_origin(self, super().finish(response))


class OwnChatsView(WidgetView):
    """``read`` for tokens and people; for a widget visitor its session is enough."""

    def may_use(self, method: str) -> bool:
        if not hasattr(self, "auth"):
            return False
        if self.auth.kind is ActorKind.WIDGET and method == "GET":
            return self.auth.may(TokenScope.CHAT)
        return allows(self, method, self.auth)


def _for_origin(view: TenantView, response: HttpResponseBase) -> HttpResponseBase:
    """The page of a widget session reads its answers, also that the session has ended."""
    origin = _page_of(view)
    if origin is not None:
        allow_origin(view.request._request, response, {origin})
    return response


def _page_of(view: TenantView) -> str | None:
    auth = getattr(view, "auth", None)
    if auth is not None:
        return auth.widget.origin if auth.widget is not None else None
    try:
        return widget_tokens.page_of(bearer_of(view.request.headers.get("Authorization", "")))
    except Unauthenticated:
        return None
