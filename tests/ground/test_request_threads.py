"""Threads that serve one request after another: never two at once, and nothing is handed on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse

from minirag.request_threads import RequestThreads
from tenants.middleware import ScopeGuardMiddleware
from tenants.scope import ScopeError, current_scope, tenant_scope


def me() -> int:
    return threading.get_ident()


def test_a_thread_is_used_again_and_never_by_two() -> None:
    async def run() -> None:
        threads = RequestThreads(keep=2)
        together = asyncio.Barrier(3)

        async def request() -> int:
            async with threads.one():
                first = await sync_to_async(me)()
                await together.wait()
                assert await sync_to_async(me)() == first
                return first

        used = await asyncio.gather(*(request() for _ in range(3)))
        assert len(set(used)) == 3
        kept = {await alone(threads) for _ in range(4)}
        assert len(kept) == 1 and kept < set(used), "the one used last is taken first"

    asyncio.run(run())


async def alone(threads: RequestThreads) -> int:
    async with threads.one():
        return await sync_to_async(me)()


def test_no_more_idle_threads_than_are_kept() -> None:
    async def run() -> None:
        threads = RequestThreads(keep=1)
        together = asyncio.Barrier(4)

        async def request() -> threading.Thread:
            async with threads.one():
                thread = await sync_to_async(threading.current_thread)()
                await together.wait()
                return thread

        used = await asyncio.gather(*(request() for _ in range(4)))
        for thread in used:
            await asyncio.to_thread(thread.join, 0.3)
        assert sum(thread.is_alive() for thread in used) == 1

    asyncio.run(run())


def test_a_thread_of_a_broken_request_is_not_used_again() -> None:
    async def run() -> None:
        threads = RequestThreads(keep=2)
        with pytest.raises(ValueError):
            async with threads.one():
                broken = await sync_to_async(me)()
                raise ValueError("the request broke")
        assert not threads._idle
        await alone(threads)
        assert len(threads._idle) == 1 and broken

    asyncio.run(run())


def guarded(view: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> Any:
    return ScopeGuardMiddleware(view)


def test_a_request_that_was_given_up_hands_no_scope_on(caplog: pytest.LogCaptureFixture) -> None:
    """Its thread works on inside its scope; the next request on that thread sees none of it."""
    inside, go_on = threading.Event(), threading.Event()
    seen: list[Any] = []

    def work() -> None:
        with tenant_scope(uuid4()):
            inside.set()
            assert go_on.wait(10)
            seen.append(current_scope())

    def look() -> None:
        with pytest.raises(ScopeError):
            current_scope()
        seen.append("closed")

    async def slow(request: HttpRequest) -> HttpResponse:
        await sync_to_async(work)()
        return HttpResponse()

    async def next_one(request: HttpRequest) -> HttpResponse:
        await sync_to_async(look)()
        return HttpResponse()

    async def run() -> None:
        threads = RequestThreads(keep=1)
        async with threads.one():
            task = asyncio.ensure_future(guarded(slow)(HttpRequest()))
            await asyncio.to_thread(inside.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        go_on.set()
        async with threads.one():
            await guarded(next_one)(HttpRequest())

    asyncio.run(run())
    assert len(seen) == 2 and seen[1] == "closed"
    assert "left open" not in caplog.text
