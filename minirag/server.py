"""Daphne inside our process: body limit, clean end with streams open, hooks at start and stop."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import daphne.server
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server, twisted_loop
from django.conf import settings
from django.core.exceptions import RequestAborted

logger = logging.getLogger(__name__)


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """Refuses a body larger than any route takes while it still comes in.

    Daphne gathers the whole body before the application sees a byte, so the application's own
    limits come too late to protect the disk.
    """

    def gotLength(self, length: int | None) -> None:  # Twisted's name
        if length is not None and length > settings.MINIRAG_MAX_UPLOAD_BYTES:
            self._refuse()
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:  # Twisted's name
        super().handleContentChunk(data)
        if self.content is not None and self.content.tell() > settings.MINIRAG_MAX_UPLOAD_BYTES:
            self._refuse()

    def _refuse(self) -> None:
        body = b'{"error": {"code": "too_large", "message": "The request body is too large."}}'
        head = b"HTTP/1.1 413 Payload Too Large\r\nContent-Type: application/json\r\n"
        self.transport.write(
            head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
        )
        self.transport.loseConnection()


class BoundedFactory(HTTPFactory):  # type: ignore[misc]
    """Builds connections whose requests are bounded."""

    def buildProtocol(self, addr: Any) -> Any:  # Twisted's name
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


# Daphne names its factory in the middle of run(), with no other place to say which.
daphne.server.HTTPFactory = BoundedFactory


class EmbeddedServer(Server):  # type: ignore[misc]
    """Daphne's server with our request class and an orderly end."""

    def __init__(
        self, *args: Any, before_stop: Callable[[], Awaitable[None]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.before_stop = before_stop
        self.failed = False

    def run(self) -> None:
        super().run()
        _finish_tasks(self.before_stop)

    def listen_error(self, failure: Any) -> None:
        self.failed = True
        super().listen_error(failure)


def _finish_tasks(before_stop: Callable[[], Awaitable[None]]) -> None:
    """Let running answers end in the database, then cancel what is left on the loop.

    Without it Python 3.11 crashes at exit when a stream was open (11 of 11 measured).
    """

    async def finish() -> None:
        await before_stop()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    twisted_loop.run_until_complete(finish())


def _not_of_clients(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A client that goes in the middle of its request is no error of the server's."""
    if not isinstance(context.get("exception"), RequestAborted):
        loop.default_exception_handler(context)


def run_server(
    application: Any,
    *,
    host: str,
    port: int,
    on_ready: Callable[[], None],
    before_stop: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGINT or SIGTERM. Exits with status 1 where the port cannot be had."""
    interface = host.strip("[]").replace(":", r"\:")
    server = EmbeddedServer(
        application,
        endpoints=[f"tcp:port={port}:interface={interface}"],
        before_stop=before_stop,
        ready_callable=on_ready,
        websocket_max_message_size=settings.MINIRAG_MAX_FRAME_BYTES,
        websocket_max_frame_size=settings.MINIRAG_MAX_FRAME_BYTES,
        server_name="minirag",
        verbosity=0,
    )
    twisted_loop.set_exception_handler(_not_of_clients)
    server.run()
    if server.failed:
        sys.exit(f"Port {port} on {host} cannot be used. Choose another with PORT= or --port.")
