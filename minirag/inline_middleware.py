"""Django's middleware without its thread hops, where it touches neither database nor disk.

Under ASGI Django sends each of them through a thread twice per request, which is a millisecond of
every answer and several under load. What may wait for the database still goes there.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware


class _Inline:
    """For Django's ``MiddlewareMixin`` classes: both halves on the event loop."""

    get_response: Any

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before = getattr(self, "process_request", None)
        response = before(request) if before is not None else None
        response = response or await self.get_response(request)
        after = getattr(self, "process_response", None)
        if after is None:
            return response  # type: ignore[no-any-return]
        if self._may_wait(request):
            return await sync_to_async(after)(request, response)  # type: ignore[no-any-return]
        return after(request, response)  # type: ignore[no-any-return]

    def _may_wait(self, request: HttpRequest) -> bool:
        """Whether the way back has something to store."""
        return False


class InlineCommon(_Inline, CommonMiddleware):
    """Reads headers only."""


class InlineAuthentication(_Inline, AuthenticationMiddleware):
    """Hangs a lazy user on the request, no more."""


class InlineSession(_Inline, SessionMiddleware):
    """Nothing is read before somebody asks; a session that was touched is stored in a thread."""

    def _may_wait(self, request: HttpRequest) -> bool:
        known = settings.SESSION_COOKIE_NAME in request.COOKIES
        return known or request.session.accessed or request.session.modified


class InlineMessages(_Inline, MessageMiddleware):
    """Messages that were shown or added are stored in a thread: the session may hold them."""

    def _may_wait(self, request: HttpRequest) -> bool:
        storage: Any = getattr(request, "_messages", None)
        return storage is not None and (storage.used or storage.added_new)
