"""Parse documents in the zygote's children: the parent's side, safe to call from any thread."""

from __future__ import annotations

import atexit
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingestion.chunking import ChunkSize
from ingestion.parsing.answers import read_answer
from ingestion.parsing.document import Hints
from ingestion.parsing.limits import Limits
from ingestion.parsing.orders import PARSE, Ask, Order
from ingestion.parsing.pipes import READ, Pipe, open_pipe, read_all, write_all
from minirag.errors import Unavailable, UnreadableSource
from minirag.types import ParsedDocument, RawDocument

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent.parent
_START_SECONDS = 30.0
_GRACE_SECONDS = 5.0
# A zygote that nobody needs is 65 MB, 105 once it cuts; a new one is there in half a second.
_IDLE_SECONDS = 60.0
_PLACE = 120
_COMMAND = (sys.executable, "-s", "-m", "ingestion.parsing.zygote")
# A mathematics library's threads would make forking unsafe.
_ENVIRON = {"OPENBLAS_NUM_THREADS": "1"}
# Any child can read this.
_HEALTHY = RawDocument("healthy.txt", b"healthy", "text/plain")

_WORDS = {
    "memory": "Reading the document needs more memory than it may have.",
    "cpu": "Reading the document takes too much computing time.",
    "wall": "Reading the document takes too long.",
    "output": "The document holds more text than may be taken in.",
    "signal": "The document is damaged: its parser crashed on it.",
    "failed": "The document is damaged: its parser failed on it.",
}


class ZygoteGone(Exception):
    """The zygote ended while it was needed."""


class Sandbox:
    """One zygote, started when first needed, restarted when it died. Never shared over a fork.

    It ends when nothing was asked of it for ``idle_seconds``.
    """

    def __init__(
        self, command: Sequence[str] = _COMMAND, idle_seconds: float = _IDLE_SECONDS
    ) -> None:
        self._command = command
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._busy = 0
        self._asked_at = 0.0
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (found := forget()) and found())
        # Why the system keeps the zygote in this network; empty where it has none.
        self.network_refused = ""

    @property
    def pid(self) -> int | None:
        """Process id of the zygote, while there is one."""
        return self._process.pid if self._process else None

    def parse(
        self, raw: RawDocument, limits: Limits | None = None, cut: ChunkSize | None = None
    ) -> ParsedDocument:
        """Parse ``raw`` in a child. Blocks up to the wall limit, and while others have the machine.

        Raises ``UnreadableSource`` with the reason in plain words, or ``Unavailable`` when no child
        can be had, or only one that gets no processor.
        """
        limits = limits or Limits.from_settings()
        return read_answer(self.answers([raw], limits, Ask(cut=cut)), limits.content, cut)

    def answers(self, raws: Sequence[RawDocument], limits: Limits, ask: Ask = PARSE) -> bytes:
        """What one child says of ``raws``: a line for each. Blocks and raises as ``parse``."""
        order = _order(raws, limits, ask)
        with self._in_use():
            try:
                return self._ask(order, raws, limits)
            except ZygoteGone:
                log.warning("the parser zygote ended; starting another")
            try:
                return self._ask(order, raws, limits)
            except ZygoteGone as error:
                raise Unavailable("Documents cannot be read at the moment.") from error

    def close(self) -> None:
        """End the zygote and its children. A later ``parse`` starts another."""
        with self._lock:
            self._drop()

    def _forget(self) -> None:
        """In a forked child: a thread that stayed in the parent may hold the lock, for good."""
        self._lock = threading.Lock()
        self._busy = 0
        control, self._control, self._process = self._control, None, None
        if control is not None:
            control.close()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                self._asked_at = time.monotonic()

    def _end_when_idle(self, control: socket.socket) -> None:
        """Runs in a thread beside the zygote of ``control``."""
        while True:
            time.sleep(self._idle_seconds / 4)
            with self._lock:
                if self._control is not control:
                    return
                idle = time.monotonic() - self._asked_at
                if not self._busy and idle >= self._idle_seconds:
                    self._drop()
                    return

    def _ask(self, order: Order, raws: Sequence[RawDocument], limits: Limits) -> bytes:
        control = self._connected()
        answer, end = self._exchange(control, order, raws, limits)
        if answer is None:
            raise UnreadableSource(_WORDS["output"])
        if end == "failed":
            log.warning("a parser failed: %r", answer[-_PLACE:])  # maybe a hostile one's words
            healthy = [_HEALTHY]
            if self._exchange(control, _order(healthy, limits), healthy, limits)[1] != "ok":
                # Not the document's fault: no child works here (the code was exchanged under it).
                self._discard(control)
                raise ZygoteGone
        if end == "busy":
            raise Unavailable("The machine is too busy to read documents at the moment.")
        if end != "ok":
            raise UnreadableSource(_WORDS.get(end, _WORDS["failed"]))
        return answer

    def _exchange(
        self, control: socket.socket, order: Order, raws: Sequence[RawDocument], limits: Limits
    ) -> tuple[bytes | None, str]:
        """A child's answer (None where it is too long) and how the child ended."""
        output, status = self._send(control, order, raws)
        ends_at = time.monotonic() + limits.wall_seconds + limits.wait_seconds + _GRACE_SECONDS
        with output, status:
            answer = read_all(output, limits.output_bytes, ends_at)
            if answer is None:
                output.close()  # the child's next write ends it
            # The child's end is awaited in any case: its memory and descriptors are given back.
            end = read_all(status, READ, ends_at)
        if not end:
            self._discard(control)
            raise ZygoteGone
        return answer, str(json.loads(end)["end"])

    def _send(
        self, control: socket.socket, order: Order, raws: Sequence[RawDocument]
    ) -> tuple[Pipe, Pipe]:
        """Hand the order and its descriptors over; returns the output and the status to read."""
        output, output_fd = open_pipe()
        status, status_fd = open_pipe()
        document_fd = os.memfd_create("document", os.MFD_CLOEXEC)
        try:
            for raw in raws:
                write_all(document_fd, raw.content)
            fds = [document_fd, output_fd, status_fd]
            socket.send_fds(control, [order.as_json()], fds)
        except OSError as error:
            output.close()
            status.close()
            self._discard(control)
            raise ZygoteGone from error
        finally:
            for fd in (document_fd, output_fd, status_fd):
                os.close(fd)
        return output, status

    def _connected(self) -> socket.socket:
        with self._lock:
            if self._control is None or self._owner != os.getpid():
                self._start()
            assert self._control is not None
            return self._control

    def _start(self) -> None:
        """Start a zygote: nothing of this process's environment goes along."""
        if self._owner == os.getpid():
            self._drop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd=_ROOT, env=_ENVIRON
        )
        theirs.close()
        ours.settimeout(_START_SECONDS)
        try:
            hello = ours.recv(READ)
        except OSError:
            hello = b""
        if not hello:
            ours.close()
            self._process.kill()
            self._process.wait()
            self._process = None
            raise ZygoteGone
        ours.settimeout(_GRACE_SECONDS)
        self._control, self._owner = ours, os.getpid()
        threading.Thread(target=self._end_when_idle, args=(ours,), daemon=True).start()
        refused = str(json.loads(hello)["network"])
        if refused and not self.network_refused:
            log.warning("parsers keep the network: no network namespace here (%s)", refused)
        self.network_refused = refused

    def _discard(self, control: socket.socket) -> None:
        with self._lock:
            if self._control is control:
                self._drop()

    def _drop(self) -> None:
        control, process = self._control, self._process
        self._control = self._process = None
        if control is not None:
            control.close()
        if process is not None and self._owner == os.getpid():
            try:
                process.wait(2.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _order(raws: Sequence[RawDocument], limits: Limits, ask: Ask = PARSE) -> Order:
    # An order is one packet: of several documents only the ends of their names go along.
    most = 1000 if len(raws) == 1 else 100
    return Order(
        hints=tuple(
            Hints(raw.key[-most:], raw.mime_type[:200], raw.url, raw.password[:most])
            for raw in raws
        ),
        sizes=tuple(len(raw.content) for raw in raws),
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
        wall_seconds=limits.wall_seconds,
        wait_seconds=limits.wait_seconds,
        content=limits.content,
        zip=limits.zip,
        ask=ask,
    )


_sandbox = Sandbox()
atexit.register(_sandbox.close)


def parse(
    raw: RawDocument, limits: Limits | None = None, cut: ChunkSize | None = None
) -> ParsedDocument:
    """Parse ``raw`` in this process's sandbox; see ``Sandbox.parse``."""
    return _sandbox.parse(raw, limits, cut)


def answers(raws: Sequence[RawDocument], limits: Limits, ask: Ask = PARSE) -> bytes:
    """Ask this process's sandbox for several documents; see ``Sandbox.answers``."""
    return _sandbox.answers(raws, limits, ask)


def close() -> None:
    """End this process's zygote, as a server does at its own end."""
    _sandbox.close()
