"""The zygote: one small process per worker that has the parsers loaded and forks per document.

A fork costs a tenth of a fresh interpreter. It has one thread (forking with more is unsafe), no
environment to read a secret from and, where the system allows, no network. It never sees a
document: descriptors pass through it to the child. Ends when the worker's end of the socket closes.

Protocol, over a SOCK_SEQPACKET socket at descriptor 0. At start: one JSON hello. Then per order: a
JSON ``Order`` with three descriptors (document, output pipe, status pipe). When the child is gone,
one JSON line goes to its status pipe.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ingestion.parsing import child
from ingestion.parsing.child import EXIT_MEMORY, libc
from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.orders import Order
from ingestion.parsing.parsers import parse_bytes
from minirag.tokens import load_table

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_MAX_ORDER = 64 * 1024
# Native code that runs out of memory dies by one of these instead of saying so.
_ABORTS = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGTRAP, signal.SIGILL, signal.SIGBUS})


@dataclass(slots=True)
class _Running:
    pid: int
    order: Order
    status_fd: int
    ends_at: float
    # Seconds that were added to its end because it had waited for a processor.
    waited: float = 0.0
    timed_out: bool = False


def leave_network() -> str:
    """Move into an empty network namespace. Returns "" or why that is refused here."""
    for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            return ""
    return os.strerror(ctypes.get_errno())


def warm_up() -> None:
    """Fill the libraries' lazy tables once, or every child pays for them anew."""
    words = "The parser reads this sentence before the first document comes. "
    page = f"<html><body><article><h1>Hi</h1><p>{words * 8}</p></article></body></html>"
    parse_bytes(page.encode(), Hints("page.html", "text/html"), ContentLimits())
    parse_bytes("Grüße, naïve café".encode("cp1252") * 9, Hints("a.txt"), ContentLimits())


class Zygote:
    """Waits for orders and for ends."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, _Running] = {}  # by pidfd
        self._cuts = False

    def serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._control, *self._running], [], [], self._patience())
            self._end_the_late()
            for pid_fd in [fd for fd in ready if isinstance(fd, int)]:
                self._reap(pid_fd)
            if self._control in ready and not self._take_order():
                break
        for job in self._running.values():
            _kill(job.pid)

    def _patience(self) -> float | None:
        ends = [job.ends_at for job in self._running.values() if not job.timed_out]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _end_the_late(self) -> None:
        now = time.monotonic()
        for job in self._running.values():
            if job.timed_out or job.ends_at > now:
                continue
            waited = min(_waited(job.pid), job.order.wait_seconds)
            job.ends_at += waited - job.waited
            job.waited = waited
            if job.ends_at <= now:
                job.timed_out = True
                _kill(job.pid)

    def _take_order(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, _MAX_ORDER, 3)
        if not data:
            return False
        document_fd, output_fd, status_fd = fds
        order = Order.from_json(data)
        if order.ask.cut is not None and not self._cuts:
            self._cuts = True
            load_table()  # else every child would
            gc.freeze()
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            child.run(order, me, document_fd, output_fd)
        os.close(document_fd)
        os.close(output_fd)
        ends_at = time.monotonic() + order.wall_seconds
        self._running[os.pidfd_open(pid)] = _Running(pid, order, status_fd, ends_at)
        return True

    def _reap(self, pid_fd: int) -> None:
        job = self._running.pop(pid_fd)
        os.close(pid_fd)
        _kill(job.pid)  # whatever the child left in its group; the child itself is still a zombie
        _, status, usage = os.wait4(job.pid, 0)
        peak = usage.ru_maxrss * 1024
        spent = usage.ru_utime + usage.ru_stime
        answer = {"end": _end_of(job, status, peak, spent), "peak_bytes": peak}
        try:
            os.write(job.status_fd, json.dumps(answer).encode())
        except BrokenPipeError:
            sys.stderr.write("zygote: nobody waits for this answer any more\n")
        os.close(job.status_fd)


def _waited(pid: int) -> float:
    """Seconds that a child was ready to run and others had the processors.

    That is no fault of its document: its clock stands still meanwhile. Of a child that sleeps there
    are none, nor on systems that do not count them.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


def _end_of(job: _Running, status: int, peak: int, spent: float) -> str:
    """ok, wall, busy, cpu, memory, signal or failed."""
    if job.timed_out:
        return "busy" if job.waited >= job.order.wait_seconds else "wall"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU or spent >= job.order.cpu_seconds:
            return "cpu"
        if number in _ABORTS and peak > job.order.memory_bytes // 2:
            return "memory"
        return "memory" if number == signal.SIGKILL else "signal"
    code = os.WEXITSTATUS(status)
    if code == EXIT_MEMORY:
        return "memory"
    return "ok" if code == 0 else "failed"


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # not its own group yet, or gone already


def main() -> None:
    """Entry point of ``python -m ingestion.parsing.zygote``."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    refused = leave_network()
    warm_up()
    if threading.active_count() != 1:
        raise SystemExit("zygote: a parser library started a thread; forking is not safe")
    control.send(json.dumps({"network": refused}).encode())
    gc.freeze()
    Zygote(control).serve()


if __name__ == "__main__":
    main()
