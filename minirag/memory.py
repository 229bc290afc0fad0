"""Keep a long-lived process small: what the C heap no longer needs goes back to the system."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
# Larger blocks come from the system and go straight back. By default glibc raises this up to
# 32 MiB by itself, and then keeps what it once gave out.
_DIRECT_BYTES = 256 * 1024


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
