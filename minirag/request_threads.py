"""Threads that outlive the request they served, and Django's ASGI handler on them.

Django starts one thread per request and lets it go; with it go its database connection and all that
was warm. Opening SQLite anew is 1 to 2 ms of every request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler


class RequestThreads:
    """One thread for each request under way; up to ``keep`` idle ones wait for the next request.

    The one used last is taken first, so that a quiet server keeps few of them warm. Used from the
    event loop only.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._idle: list[ThreadPoolExecutor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """All thread-sensitive work inside the block runs on one thread, held by it alone."""
        if self._idle:
            thread = self._idle.pop()
        else:
            thread = ThreadPoolExecutor(1, thread_name_prefix="request")
        try:
            async with ThreadSensitiveContext(executor=thread):
                yield
        except BaseException:
            thread.shutdown(wait=False)  # it may still be busy with what nobody waits for
            raise
        if len(self._idle) < self._keep:
            self._idle.append(thread)
        else:
            thread.shutdown(wait=False)


class PooledASGIHandler(ASGIHandler):
    """Django's handler, with threads that are used again."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = RequestThreads(settings.MINIRAG_REQUEST_THREADS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._threads.one():
            # Django's own context inside finds ours and leaves it in place.
            await super().__call__(scope, receive, send)
