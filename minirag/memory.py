"""Keep a long-lived process small: what the C heap no longer needs goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
# Larger blocks come from the system and go straight back. By default glibc raises this up to
# 32 MiB by itself, and then keeps what it once gave out.
_DIRECT_BYTES = 256 * 1024
# A request whose body is larger leaves something worth collecting.
LARGE_BODY = 1024 * 1024
_GATHER_SECONDS = 1.0
# Objects made, less those gone, between two collections of the youngest.
_ALLOCATIONS = 10_000
_large_was_seen = threading.Event()


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is one that takes these hints."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


def share_heaps(arenas: int = 2) -> None:
    """Let all threads share few heaps: by default each of our 20 would keep one of its own."""
    if library := _glibc():
        library.mallopt(_M_ARENA_MAX, arenas)
        library.mallopt(_M_MMAP_THRESHOLD, _DIRECT_BYTES)


def give_back() -> None:
    """Return free pages to the system, after a step that needed many for a moment."""
    if library := _glibc():
        library.malloc_trim(0)


def settle() -> None:
    """What is there now stays: later collections need not look at it, and are short and rare.

    Chunks and rows come by thousands and go by themselves; a collection at every 700 of them found
    nothing and took a tenth of an ingest's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def large_body_was_seen() -> None:
    """Have its remains collected soon.

    A view and its response name each other, so a request's data lives until a full collection,
    which Python starts by the number of objects, whatever their size.
    """
    _large_was_seen.set()


@contextmanager
def large_bodies_forgotten() -> Iterator[None]:
    """While the block lasts, collect after large bodies, at most once a second."""
    stop = threading.Event()
    thread = threading.Thread(target=_forget_until, args=(stop,), name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        _large_was_seen.set()
        thread.join(timeout=5)


def _forget_until(stop: threading.Event) -> None:
    while _large_was_seen.wait() and not stop.is_set():
        stop.wait(_GATHER_SECONDS)
        _large_was_seen.clear()
        gc.collect()
        give_back()
