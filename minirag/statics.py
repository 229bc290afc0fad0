"""Static files from the app itself, under ASGI without a thread hop per request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, async-capable: its own would send every stream through a thread."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        found = self.files.get(request.path_info)
        if found is None:
            return self.get_response(request)  # type: ignore[no-any-return]
        response = self._whole(found, request)
        return _ready(response) if iscoroutinefunction(self) else response

    @staticmethod
    def _whole(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The file in one piece: ours are small, and ASGI would gather a sync iterator anyway."""
        found = static_file.get_response(request.method, request.META)
        content = found.file.read() if found.file else b""
        response = HttpResponse(content, status=int(found.status))
        del response["content-type"]
        for name, value in found.headers:
            response[name] = value
        return response


async def _ready(response: HttpResponseBase) -> HttpResponseBase:
    return response
