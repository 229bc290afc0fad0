"""The parsers' zygote with parsers that documents of a test can break in four ways."""

from __future__ import annotations

import os
import signal
from typing import Any

from ingestion.parsing import child, parsers, zygote

_parse = parsers.parse_bytes


def _segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang() -> None:
    while True:
        signal.pause()


def _oom() -> None:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def _exit() -> None:
    os._exit(0)


DEEDS = {b"SEGFAULT": _segfault, b"HANG": _hang, b"OOM": _oom, b"EXIT": _exit}


def parse_bytes(data: bytes, hints: Any, limits: Any) -> Any:
    """The real parsers, unless the document says otherwise."""
    for word, deed in DEEDS.items():
        if word in data:
            deed()
    return _parse(data, hints, limits)


if __name__ == "__main__":
    vars(child)["parse_bytes"] = parse_bytes
    zygote.main()
