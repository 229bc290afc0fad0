"""A TCP proxy before one dependency: it numbers what crosses the wire, and breaks it on command.

A *crossing* is one exchange on one connection: what the client sends, and the reply to it. Nothing
in the client knows of the proxy, so a fault comes from the outside, at a place that can be named:
the n-th crossing, before it is forwarded, while its reply is held back, or after the reply.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Phase = Literal["before", "held", "after"]
PHASES: tuple[Phase, ...] = ("before", "held", "after")
_READ = 1 << 16
# A reply that comes in pieces is whole when nothing more came for so long.
_QUIET = 0.01


@dataclass(slots=True)
class Fault:
    """What happens at a crossing: ``deed``, and the connection is reset."""

    number: int
    phase: Phase
    deed: Callable[[], object] = lambda: None
    met: threading.Event = field(default_factory=threading.Event)
    where: str = ""


@dataclass(slots=True, eq=False)
class _Link:
    """One client's connection and ours to the dependency."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    # The crossing that waits for its reply.
    number: int = 0
    label: str = ""
    moving: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Wire:
    """The proxy before one dependency. Its methods may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> None:
        self._loop, self._target = loop, (host, port)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._fault: Fault | None = None
        self.port = 0
        self.log: list[str] = []
        # Seconds that each request waits; bytes of a reply that pass at a time, a pause after each.
        self.delay = 0.0
        self.drip = 0
        # Answers in the dependency's place: bytes, or None to let the request pass.
        self.answer: Callable[[bytes], bytes | None] = lambda request: None
        self.up()

    def arm(self, fault: Fault | None) -> None:
        """Begin to count anew; ``fault`` comes at its crossing, once."""
        self.log.clear()
        self._fault = fault

    def up(self) -> None:
        """Listen (again, on the same port)."""
        if self._server is None:
            _run(self._loop, self._listen())

    def down(self) -> None:
        """Reset what is open and refuse what comes."""
        server, self._server = self._server, None
        if server is not None:
            _run(self._loop, self._stop(server))
        self.cut()

    def cut(self) -> None:
        """Reset every open connection."""
        _run(self._loop, self._reset_all())

    def heal(self) -> None:
        """As at the beginning."""
        self.delay, self.drip, self._fault = 0.0, 0, None
        self.answer = lambda request: None
        self.up()

    # --- on the loop's thread ------------------------------------------------------------------

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self, server: asyncio.Server) -> None:
        server.close()

    async def _reset_all(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server)
        link.moving.set()
        self._links.add(link)
        ways = [
            asyncio.ensure_future(self._requests(link, reader)),
            asyncio.ensure_future(self._replies(link, server_reader)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._links.discard(link)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, server):
            end.close()

    async def _requests(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_READ):
            await link.moving.wait()
            if not link.number:
                self._cross(link, data)
                if self._strikes(link, "before"):
                    return
            if self.delay:
                await asyncio.sleep(self.delay)
            instead = self.answer(data)
            if instead is None:
                link.server.write(data)
                await link.server.drain()
            else:
                link.number = 0
                link.client.write(instead)
                await link.client.drain()

    def _cross(self, link: _Link, data: bytes) -> None:
        link.label = re.sub(rb"[^ -~]+", b" ", data[:400]).decode().strip()[:120]
        self.log.append(link.label)
        link.number = len(self.log)

    async def _replies(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_READ):
            if self._strikes(link, "held"):
                return
            last = self._due(link, "after")
            if last:
                link.moving.clear()
            else:
                link.number = 0
            await self._deliver(link, data)
            while last and (more := await _soon(reader.read(_READ))):
                await self._deliver(link, more)
            if last and self._strikes(link, "after"):
                return

    async def _deliver(self, link: _Link, data: bytes) -> None:
        step = self.drip or len(data)
        for at in range(0, len(data), step):
            link.client.write(data[at : at + step])
            await link.client.drain()
            if self.drip:
                await asyncio.sleep(_QUIET)

    def _due(self, link: _Link, phase: Phase) -> bool:
        fault = self._fault
        return bool(fault and link.number and (fault.number, fault.phase) == (link.number, phase))

    def _strikes(self, link: _Link, phase: Phase) -> bool:
        if not self._due(link, phase):
            return False
        fault, self._fault = self._fault, None
        assert fault is not None
        fault.where = link.label
        fault.deed()
        link.reset()
        fault.met.set()
        return True


async def _soon(reading: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        return await asyncio.wait_for(reading, _QUIET)
    except TimeoutError:
        return b""


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(10)


@contextmanager
def switchboard() -> Iterator[Callable[[str, int], Wire]]:
    """Opens wires to ``(host, port)``; all of them end with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="wires")
    thread.start()
    wires: list[Wire] = []

    def open_wire(host: str, port: int) -> Wire:
        wires.append(Wire(loop, host, port))
        return wires[-1]

    try:
        yield open_wire
    finally:
        for wire in wires:
            wire.down()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
