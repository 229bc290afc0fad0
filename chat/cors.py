"""Cross-origin answers for widgets: exactly the allowed origin is named, never a wildcard."""

from __future__ import annotations

import time
from collections.abc import Collection
from threading import Lock

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from bots.models import BotProfile
from chat.widget import allowed_origins, normal_origin
from tenants.scope import platform_scope

_HEADERS = "Authorization, Content-Type, Idempotency-Key"
_EXPOSED = "X-Request-ID, Retry-After, RateLimit, RateLimit-Policy"
# A preflight names no bot, so the origins of all open widgets are looked at; what was allowed
# stays known for so long.
_KEEP_SECONDS = 2.0

_lock = Lock()
_kept: tuple[float, frozenset[str]] = (0.0, frozenset())


def is_preflight(request: HttpRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def preflight(request: HttpRequest, methods: Collection[str]) -> HttpResponse:
    """The answer to a browser that asks first. Needs no credential and tells no secret."""
    response = HttpResponse(status=204)
    allowed = embedding_origins()
    if normal_origin(request.headers.get("Origin", "")) not in allowed:
        # Perhaps it was allowed this moment: a browser that is refused does not ask again.
        allowed = embedding_origins(fresh=True)
    if allow_origin(request, response, allowed):
        response["Access-Control-Allow-Methods"] = ", ".join(methods)
        response["Access-Control-Allow-Headers"] = _HEADERS
        response["Access-Control-Max-Age"] = "600"
    return response


def allow_origin(
    request: HttpRequest, response: HttpResponseBase, allowed: Collection[str]
) -> bool:
    """Name the request's origin in the answer where it is among ``allowed``."""
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("Origin", "")
    if not origin or normal_origin(origin) not in allowed:
        return False
    response["Access-Control-Allow-Origin"] = origin
    response["Access-Control-Expose-Headers"] = _EXPOSED
    return True


def embedding_origins(*, fresh: bool = False) -> frozenset[str]:
    """All origins that may embed some open widget of any tenant."""
    global _kept
    with _lock:
        read_at, origins = _kept
        if not fresh and read_at and time.monotonic() - read_at < _KEEP_SECONDS:
            return origins
    with platform_scope("preflight: a browser's question names no bot"):
        bots = BotProfile.objects.filter(
            widget_enabled=True, is_active=True, tenant__suspended_at__isnull=True
        ).exclude(widget_allowed_origins=[])
        rows = bots.only("id", "tenant_id", "widget_allowed_origins")
        origins = frozenset(origin for bot in rows for origin in allowed_origins(bot))
    with _lock:
        _kept = (time.monotonic(), origins)
    return origins
