"""Which process holds a folder of the embedded store. The engine's own refusal names nobody."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from minirag.errors import Unavailable


class Holder:
    """An exclusive lock on ``folder``, which the kernel ends with this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises ``Unavailable``, naming the process in the way and what to do."""
        if self._file is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = (self._folder / "holder.json").open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            with file:
                raise Unavailable(_refusal(file)) from exc
        try:
            file.truncate(0)
            json.dump({"pid": os.getpid(), "command": _own_command()}, file)
            file.flush()
        except OSError:  # no room: who tries next must not find it held
            with suppress(OSError):
                file.close()
            raise
        self._file = file

    def release(self) -> None:
        """Give the folder free. The file stays: removing it would race with the next holder."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _own_command() -> str:
    """Program and subcommand only: arguments may hold what does not belong into a message."""
    return " ".join([Path(sys.argv[0]).name, *(arg for arg in sys.argv[1:2] if arg.isalnum())])


def _refusal(file: IO[str]) -> str:
    file.seek(0)
    try:
        held = json.load(file)
        who = f"process {int(held['pid'])} ({held['command']})"
    except (ValueError, KeyError, TypeError):
        who = "a process that is just starting"
    return (
        f"The embedded vector store is held by {who}. Let that process do the work, or stop it and "
        "try again; several processes need a Qdrant server (QDRANT_URL)."
    )
