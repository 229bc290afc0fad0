"""Threads that outlive the request they served, and Django's ASGI handler on them.

Django starts one thread per request and lets it go; with it go its database connection and all that
was warm. Opening SQLite anew is 1 to 2 ms of every request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from io import RawIOBase
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from minirag.disk import keeps_nothing
from minirag.memory import LARGE_BODY, large_body_was_seen


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


class UnkeptBody(RawIOBase):
    """A request body for which there was no room: who reads it learns why, and nobody else."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(self._error.errno, "no room for the request body")


class PooledASGIHandler(ASGIHandler):
    """Django's handler, with threads that are used again."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = RequestThreads(settings.MINIRAG_REQUEST_THREADS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size = 0

        async def counted() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        try:
            async with self._threads.one():
                # Django's own context inside finds ours and leaves it in place.
                await super().__call__(scope, counted, send)
        finally:
            if size > LARGE_BODY:
                large_body_was_seen()

    async def read_body(self, receive: Any) -> Any:
        """As Django's; one that cannot be kept is refused by the view, as any other failure."""
        more = True

        async def noted() -> Any:
            nonlocal more
            message = await receive()
            more = bool(message.get("more_body", False))
            return message

        try:
            return await super().read_body(noted)
        except OSError as error:
            if not keeps_nothing(error):
                raise
            while more:  # Django takes what comes after the body for the client's leaving
                await noted()
            return UnkeptBody(error)
