"""Daphne inside our process: body limit, clean end with streams open, hooks at start and stop."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from typing import Any
from uuid import uuid4

import daphne.server
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server, twisted_loop
from django.conf import settings
from django.core.exceptions import RequestAborted
from twisted.internet import defer

from minirag.http_edge import RETRY_AFTER, RefusingChannel, edge_body, origin_form
from minirag.metrics import count_refusal
from minirag.websockets import DENIAL, GOING_AWAY, HeardSocket, HeardSocketFactory

logger = logging.getLogger(__name__)


_MULTIPART_ROOM = 1024 * 1024  # boundaries and part headers around a file of the largest size
_BACKLOG = 1024
# At the server's end: for requests to finish, and for what was written to leave.
_FINISH_SECONDS = 1.0
_FLUSH_SECONDS = 0.05
_TOO_LARGE = "The request body is too large."
_NO_ROOM = "The request body cannot be kept at the moment."


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """Refuses a body larger than any route takes, or than the disk has room for, as it comes in.

    Daphne gathers the whole body before the application sees a byte, so the application's own
    limits come too late to protect the disk.
    """

    content: Any
    _refused = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Forms are the application's to parse: Twisted would copy a whole upload through memory
        # on the event loop, and answer a bad form itself with an empty 400.
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)

    def gotLength(self, length: int | None) -> None:  # Twisted's name
        try:
            super().gotLength(length)
        except OSError:
            self._forget()
        if length is not None and length > self._most():
            self._refuse(413, _TOO_LARGE)

    def handleContentChunk(self, data: bytes) -> None:  # Twisted's name
        if self._refused:
            return
        try:
            super().handleContentChunk(data)
        except OSError:
            self._forget()
            return
        if self.content is not None and self.content.tell() > self._most():
            self._refuse(413, _TOO_LARGE)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._refused and self.content is not None:
            try:
                self.content.flush()
            except OSError:
                self._forget()
        if self._refused:
            self.transport.loseConnection()
        else:
            path, host = origin_form(path)
            if host is not None:  # it stands above the header (RFC 9112, 3.2.2)
                self.requestHeaders.setRawHeaders(b"Host", [host])
            super().requestReceived(command, path, version)

    def _forget(self) -> None:
        """There is no room for the body. Its file would fail once more when it is closed."""
        logger.exception("a request body could not be kept")
        if self.content is not None:
            with suppress(OSError):
                self.content.close()
        self.content = BytesIO()
        self._refuse(503, _NO_ROOM)

    @staticmethod
    def _most() -> int:
        return int(settings.MINIRAG_MAX_UPLOAD_BYTES) + _MULTIPART_ROOM

    def _refuse(self, status: int, message: str) -> None:
        self._refused = True
        self.channel.refuse(status, message)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Daphne's own refusals (header or path unreadable, no answer in time), in our shape."""
        request_id = uuid4().hex
        count_refusal(status)
        headers = [
            (b"Content-Type", b"application/json"),
            (b"X-Request-ID", request_id.encode()),
            *([(b"Retry-After", str(RETRY_AFTER).encode())] if status == 503 else []),
        ]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
        self.handle_reply(
            {"type": "http.response.body", "body": edge_body(status, body, request_id)}
        )


class BoundedFactory(HTTPFactory):  # type: ignore[misc]
    """Builds connections whose requests are bounded."""

    protocol = RefusingChannel

    def buildProtocol(self, addr: Any) -> Any:  # Twisted's name
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


# Daphne names its factories in the middle of run(), with no other place to say which.
daphne.server.HTTPFactory = BoundedFactory
daphne.server.WebSocketFactory = HeardSocketFactory


class EmbeddedServer(Server):  # type: ignore[misc]
    """Daphne's server with our request class and an orderly end."""

    def __init__(
        self,
        *args: Any,
        last_words: Callable[[], Awaitable[None]],
        before_stop: Callable[[], Awaitable[None]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.last_words = last_words
        self.before_stop = before_stop
        self.failed = False

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, HeardSocket):
            scope["extensions"] = {DENIAL: {}}
        return super().create_application(protocol, scope)

    def run(self) -> None:
        super().run()
        _finish_tasks(self.before_stop)

    def kill_all_applications(self) -> defer.Deferred[None]:
        """Daphne's step before the loop ends. Its own would cut every stream in the middle."""
        ending = defer.Deferred.fromFuture(asyncio.ensure_future(self._end_applications()))
        return ending.addErrback(_log_failure)

    async def _end_applications(self) -> None:
        """Let streams say how they end and requests finish, for a moment; then cancel the rest."""
        await self.last_words()
        requests = self._applications(WebRequest)
        if requests:
            await asyncio.wait(requests, timeout=_FINISH_SECONDS)
        for protocol in list(self.connections):
            if isinstance(protocol, HeardSocket) and protocol.state == protocol.STATE_OPEN:
                protocol.serverClose(GOING_AWAY)
        await asyncio.sleep(_FLUSH_SECONDS)
        rest = self._applications(object)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=_FINISH_SECONDS)

    def _applications(self, kind: type) -> list[asyncio.Future[None]]:
        """What still runs for connections of this kind."""
        held = [
            details.get("application_instance")
            for protocol, details in self.connections.items()
            if isinstance(protocol, kind)
        ]
        return [task for task in held if task is not None and not task.done()]

    def listen_error(self, failure: Any) -> None:
        self.failed = True
        super().listen_error(failure)


def _log_failure(failure: Any) -> None:
    """What goes wrong here must not keep the server from ending."""
    error = failure.value
    logger.error("open connections could not be ended in order", exc_info=error)


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


def _largest_message() -> int:
    """Bytes that the wire lets through, in either direction: the library knows one limit for both.

    A ``done`` frame holds a whole answer and its quotes, up to six bytes a character. What clients
    may send is ``MINIRAG_MAX_FRAME_BYTES``, which the consumer checks and answers with a code.
    """
    return int(max(settings.MINIRAG_MAX_FRAME_BYTES, 24 * settings.MINIRAG_ANSWER_CHARS))


def run_server(
    application: Any,
    *,
    host: str,
    port: int,
    on_ready: Callable[[], None],
    last_words: Callable[[], Awaitable[None]],
    before_stop: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGINT or SIGTERM. Exits with status 1 where the port cannot be had.

    ``last_words`` runs while clients are still connected, ``before_stop`` when all are gone.
    """
    interface = host.strip("[]").replace(":", r"\:")
    server = EmbeddedServer(
        application,
        # A second's connections wait while the loop is busy; Twisted's own 50 are a small crowd.
        endpoints=[f"tcp:port={port}:backlog={_BACKLOG}:interface={interface}"],
        last_words=last_words,
        before_stop=before_stop,
        ready_callable=on_ready,
        websocket_max_message_size=_largest_message(),
        websocket_max_frame_size=_largest_message(),
        server_name="minirag",
        verbosity=0,
    )
    twisted_loop.set_exception_handler(_not_of_clients)
    server.run()
    if server.failed:
        sys.exit(f"Port {port} on {host} cannot be used. Choose another with PORT= or --port.")
