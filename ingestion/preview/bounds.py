"""How long a look ahead may take, and how many of them there may be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from django.conf import settings

from ingestion.leases.beside import Beside
from minirag.errors import RateLimited

T = TypeVar("T")
_AGAIN_SECONDS = 5.0


class TimeUp(Exception):
    """So long and no longer."""


class Bounded(Beside):
    """Blocking work up to a moment; what is still under way then is left to itself."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._ends = time.monotonic() + seconds
        self.left: Future[Any] | None = None

    def check(self) -> None:
        """Raises ``TimeUp``."""
        if time.monotonic() > self._ends:
            raise TimeUp

    def result(self, future: Future[T]) -> T:
        try:
            return super().result(future)
        except TimeUp:
            self.left = future
            raise


@cache
def _slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(settings.MINIRAG_PREVIEW_PARALLEL)


@contextmanager
def slot() -> Iterator[Bounded]:
    """One of few places, for so long. It is free again when nothing of it is under way any more.

    Raises ``RateLimited`` where there is none.
    """
    slots = _slots()
    if not slots.acquire(blocking=False):
        raise RateLimited("Other previews are under way.", retry_after=_AGAIN_SECONDS)
    bounded = Bounded(settings.MINIRAG_PREVIEW_SECONDS)
    try:
        yield bounded
    finally:
        if bounded.left is None:
            slots.release()
        else:
            bounded.left.add_done_callback(lambda _: slots.release())
