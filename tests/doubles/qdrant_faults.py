"""How a Qdrant server fails, as faults of ``QdrantDouble``. Data calls only; probes get answers."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.doubles.qdrant_rest import PLAIN, Fault, QdrantDouble

_DONE = {"result": {"operation_id": 0, "status": "completed"}, "status": "ok", "time": 0.0}
# Longer than the client's patience in these tests.
SLOW_SECONDS = 1.3
Play = Callable[[QdrantDouble, Any, str, bytes], bool]


def _status(status: int, text: str, **headers: str) -> Play:
    def play(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
        handler.send(status, {"status": {"error": text}, "time": 0.0}, **headers)
        return True

    return play


def _reset(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.wfile = io.BytesIO()
    os.close(handler.connection.detach())
    return True


def _slow(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    """The answer comes, after the client has gone."""
    time.sleep(SLOW_SECONDS)
    return False


def _garbage(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    handler.send(200, ["nothing", {"of": "use"}])
    return True


def _drip(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    """A healthy answer, a few bytes at a time."""
    whole = handler.wfile

    class Slowly:
        def write(self, data: bytes) -> None:
            for at in range(0, len(data), 200):
                whole.write(data[at : at + 200])
                whole.flush()
                time.sleep(0.002)

        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

    handler.wfile = Slowly()
    return False


def _writes(path: str) -> bool:
    return path.endswith(("/points", "/points/delete"))


def _unapplied(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    """A write is acknowledged and forgotten."""
    if not _writes(path):
        return False
    handler.send(200, _DONE)
    return True


def _partial(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    """Of the points of an upsert only the first is taken; a deletion is forgotten."""
    asked = json.loads(body or b"{}")
    if not _writes(path) or handler.command == "POST":
        return _unapplied(double, handler, path, body)
    double.answer("PUT", f"{path}?wait=true", {**asked, "points": asked["points"][:1]})
    handler.send(200, _DONE)
    return True


def _applied_then_lost(double: QdrantDouble, handler: Any, path: str, body: bytes) -> bool:
    """A write is applied, and the server restarts before it has said so."""
    if not _writes(path):
        return False
    double.answer(handler.command, f"{path}?wait=true", json.loads(body))
    return _reset(double, handler, path, body)


ALWAYS: Mapping[str, Play] = {
    "reset": _reset,
    "slow": _slow,
    "500": _status(500, "secret detail"),
    "429": _status(429, "slow down", Retry_After="1"),
    "404": _status(404, "Not found: Collection `x` doesn't exist!"),
    "400": _status(400, "Wrong input: Vector dimension error: expected dim: 8, got 32"),
    "401": _status(401, "Must provide an API key"),
    "garbage": _garbage,
    "drip": _drip,
    "unapplied": _unapplied,
    "partial": _partial,
    "restart": _applied_then_lost,
    "full": _status(500, "Service internal error: No space left on device (os error 28)"),
}
ONCE = ("500", "reset")
NAMES = (*ALWAYS, *(f"{name} once" for name in ONCE))


@contextmanager
def failing(double: QdrantDouble, name: str) -> Iterator[Callable[[], int]]:
    """While the block lasts, ``double`` fails; gives the number of calls that met the fault."""
    play = ALWAYS[name.removesuffix(" once")]
    most = 1 if name.endswith(" once") else None
    met = 0

    def fault(handler: Any, path: str, body: bytes) -> bool:
        nonlocal met
        if path in PLAIN or not path.startswith("/collections"):
            return False
        if most is not None and met >= most:
            return False
        met += 1
        return play(double, handler, path, body)

    healthy: Fault = double.fault
    double.fault = fault
    try:
        yield lambda: met
    finally:
        double.fault = healthy
