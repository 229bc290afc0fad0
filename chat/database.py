"""Blocking work of the async edges: in bounded threads, scope copied, connections given back.

An ORM call pins its connection to the thread that made it; without the release each stream would
hold one of the pool's for its whole length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings

from minirag.connections import release_connections

P = ParamSpec("P")
T = TypeVar("T")

_database = ThreadPoolExecutor(settings.MINIRAG_CHAT_DB_THREADS, thread_name_prefix="chat-db")
# Apart from the others: a search may wait for somebody's slow embedder.
_search = ThreadPoolExecutor(settings.MINIRAG_SEARCH_THREADS, thread_name_prefix="chat-search")


def _and_release(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return work(*args, **kwargs)
    finally:
        release_connections()


async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, context.run, work)


async def in_database(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run short database work in a thread, in a copy of the open scope."""
    return await _run(_database, partial(_and_release, work, *args, **kwargs))


async def in_search(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a search, which may wait for an embedder, in a thread of its own kind."""
    return await _run(_search, partial(_and_release, work, *args, **kwargs))
