"""The asynchronous twin: the same checks in a thread, the handler on the loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from threading import BoundedSemaphore
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http.response import HttpResponseBase

from minirag.connections import release_connections
from tenants.api_base.view import _SAFE, TenantView
from tenants.idempotency import Replay
from tenants.scope import tenant_scope

P = ParamSpec("P")
T = TypeVar("T")

_turnstile = BoundedSemaphore(settings.MINIRAG_CHAT_DB_THREADS)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in the request's thread, which holds no connection afterwards.

    The handler waits on the loop for other threads that need one: as many requests as the pool has
    connections, each with one in hand, would all wait for one more.
    """

    def and_release() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            release_connections()

    return await sync_to_async(and_release)()


class AsyncTenantView(TenantView):
    """Handlers are ``async def``. A streamed body runs after the view: it opens its own scope."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Awaitable[HttpResponseBase]:  # type: ignore[override]
        return self._dispatch(request, args, kwargs)

    async def _dispatch(self, request: Any, args: Any, kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            replay = await in_thread(self._begin, args, kwargs)
            with tenant_scope(self.auth.tenant_id):
                response = await self._answer_async(replay, args, kwargs)
                if request.method in _SAFE:
                    self.refuse_unread_params()
        except Exception as exc:  # noqa: BLE001  (the edge: DRF's own hook renders it)
            response = await in_thread(self.handle_exception, exc)
        return await in_thread(self.finish, response)

    def _begin(self, args: Any, kwargs: Any) -> Replay | None:
        """All checks and the idempotency key, in one visit to the thread.

        A hundred requests at once have a hundred threads: let loose together, they would leave the
        event loop, and with it every running stream, a hundredth of the interpreter.
        """
        with _turnstile:
            self.initial(self.request, *args, **kwargs)
            with tenant_scope(self.auth.tenant_id):
                return self.begin_run()

    async def _answer_async(
        self, replay: Replay | None, args: Any, kwargs: Any
    ) -> HttpResponseBase:
        if replay is not None:
            if replay.body is None and replay.message_id is not None:
                again: HttpResponseBase = await self.replay_message(replay.message_id)
                return again
            return self.replayed(replay)
        try:
            response: HttpResponseBase = await self.handler()(self.request, *args, **kwargs)
            if self._run is not None:
                await in_thread(self.keep_run, response)
        except Exception as exc:
            if self._run is not None:
                await in_thread(self.fail_run, exc)
            raise
        return response

    async def aremember_message(self, message_id: Any) -> None:
        """``remember_message`` from the loop."""
        if self._run is not None:
            await in_thread(self.remember_message, message_id)
