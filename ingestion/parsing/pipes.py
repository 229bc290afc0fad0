"""The parent's ends of a child's pipes."""

from __future__ import annotations

import os
import select
import time

# Bytes that are read at a time.
READ = 1 << 16


class Pipe:
    """The reading end of a pipe."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def open_pipe() -> tuple[Pipe, int]:
    reading, writing = os.pipe()
    return Pipe(reading), writing


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_all(pipe: Pipe, most: int, ends_at: float) -> bytes | None:
    """All of ``pipe``; None when it is more than ``most``, what there is when time is up."""
    pieces: list[bytes] = []
    size = 0
    poll = select.poll()  # select.select stops at descriptor 1024
    poll.register(pipe.fd, select.POLLIN)
    while poll.poll(max(0.0, ends_at - time.monotonic()) * 1000):
        piece = os.read(pipe.fd, READ)
        if not piece:
            break
        size += len(piece)
        if size > most:
            return None
        pieces.append(piece)
    return b"".join(pieces)
