"""Who serves from this data folder: one embedded server at a time, seen by commands beside it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from django.conf import settings

from minirag.errors import Unavailable


class ServerInfo(TypedDict):
    """What the running server wrote about itself."""

    pid: int
    base_url: str


def _path() -> Path:
    return Path(settings.MINIRAG_DATA_DIR) / "server.lock"


@contextmanager
def hold_server_lock(base_url: str) -> Iterator[None]:
    """Be the server of this folder. Raises ``Unavailable`` naming the one that is already."""
    _path().parent.mkdir(parents=True, exist_ok=True)
    with _path().open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(_words(running_server())) from None
        handle.seek(0)
        handle.truncate()
        json.dump(ServerInfo(pid=os.getpid(), base_url=base_url), handle)
        handle.flush()
        try:
            yield
        finally:
            handle.seek(0)
            handle.truncate()


def _words(info: ServerInfo | None) -> str:
    who = f"process {info['pid']} at {info['base_url']}" if info else "another process"
    return f"A MiniRAG server already runs from this data folder: {who}. Use it, or stop it first."


def running_server() -> ServerInfo | None:
    """The server that holds this folder, or None. The lock says so, not the file's text."""
    try:
        with _path().open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(handle.read())
    except FileNotFoundError:
        return None
    return None


def _read(text: str) -> ServerInfo:
    try:
        info = json.loads(text)
        return ServerInfo(pid=int(info["pid"]), base_url=str(info["base_url"]))
    except (ValueError, KeyError, TypeError):
        return ServerInfo(pid=0, base_url="")  # it holds the lock and is just writing
