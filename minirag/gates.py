"""What this process still has to do before it calls itself ready."""

from __future__ import annotations

import threading

_lock = threading.Lock()
_open: dict[str, str] = {}


def hold(name: str, words: str) -> None:
    """Not ready: ``words`` say what for."""
    with _lock:
        _open[name] = words


def release(name: str) -> None:
    """Done; releasing twice is no error."""
    with _lock:
        _open.pop(name, None)


def waiting() -> dict[str, str]:
    """Name to words of all that is still to do."""
    with _lock:
        return dict(_open)
