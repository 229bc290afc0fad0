"""What every HTTP answer carries: a request id, security headers, its count. Sync and async."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from io import SEEK_END
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from minirag.api.context import (
    RequestInfo,
    accepted_request_id,
    client_address,
    current_info,
    is_trusted,
)
from minirag.metrics import UNKNOWN, count_request

GetResponse = Callable[[HttpRequest], Any]
# Written by whoever sends the request; read once here, and by nobody behind this middleware.
_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_X_CLIENT_IP",
    "HTTP_CLIENT_IP",
)
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class BothModesMiddleware:
    """Calls ``before`` and ``after`` around the view, in the mode of what it wraps."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        state = self.before(request)
        try:
            return self.after(request, self.get_response(request))
        finally:
            self.finish(state)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        state = self.before(request)
        try:
            return self.after(request, await self.get_response(request))
        finally:
            self.finish(state)

    def before(self, request: HttpRequest) -> Any:
        """Returns what ``finish`` needs."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response

    def finish(self, state: Any) -> None:
        """Runs whether the view answered or raised."""


def _measure(request: HttpRequest) -> None:
    """Say the length of a chunked body, which the server has gathered and nobody announced.

    Parsers take a request without a length for one without a body.
    """
    stream = getattr(request, "_stream", None)
    if "CONTENT_LENGTH" in request.META or not isinstance(request, ASGIRequest):
        return
    if stream is None or not stream.seekable():
        return
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    if size:
        request.META["CONTENT_LENGTH"] = str(size)


class RequestContextMiddleware(BothModesMiddleware):
    """Names the request and finds the client's address; strangers' headers go."""

    def before(self, request: HttpRequest) -> Any:
        meta = request.META
        peer = str(meta.get("REMOTE_ADDR") or "")
        info = RequestInfo(
            accepted_request_id(peer, str(meta.get("HTTP_X_REQUEST_ID", ""))),
            client_address(peer, str(meta.get("HTTP_X_FORWARDED_FOR", ""))),
        )
        if not is_trusted(peer):
            meta.pop("HTTP_X_FORWARDED_PROTO", None)
        for name in _FORWARDED:
            meta.pop(name, None)
        meta["REMOTE_ADDR"] = info.ip or ""
        _measure(request)
        request.minirag_info = info  # type: ignore[attr-defined]
        request.request_id = info.request_id  # type: ignore[attr-defined]
        request.client_ip = info.ip  # type: ignore[attr-defined]
        request.minirag_begun = time.perf_counter()  # type: ignore[attr-defined]
        return current_info.set(info)

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        match = request.resolver_match
        seconds = time.perf_counter() - request.minirag_begun  # type: ignore[attr-defined]
        route = f"/{match.route}" if match else UNKNOWN
        count_request(str(request.method), route, response.status_code, seconds)
        return response

    def finish(self, state: Any) -> None:
        current_info.reset(state)


class SecurityHeadersMiddleware(BothModesMiddleware):
    """A strict policy on all HTML; a view that needs another one (the widget's frame) sets it."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        if response.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
            response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        if "frame-ancestors" in response.get("Content-Security-Policy", CONTENT_POLICY).replace(
            "frame-ancestors 'none'", ""
        ):
            # Browsers would take the older header for a second, stricter rule.
            del response["X-Frame-Options"]
        else:
            response.headers.setdefault("X-Frame-Options", "DENY")
        # An answer to a credential is nobody else's.
        if "HTTP_AUTHORIZATION" in request.META or request.path.startswith("/v1/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
