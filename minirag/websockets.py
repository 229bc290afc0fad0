"""Daphne's WebSocket connection, with refusals and ends that a client hears of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

from minirag.http_edge import edge_body

GOING_AWAY = 1001
_NORMAL = 1000
_BAD_PROTOCOL = 4409
_OUR_FAULT = 500
# Seconds for a client to answer our close frame, and to end what it was just sending.
CLOSE_SECONDS = 5
# The ASGI extension by which an application refuses a handshake with an answer of its own.
DENIAL = "websocket.http.response"


class HeardSocket(WebSocketProtocol):  # type: ignore[misc]
    """Refuses with a JSON body, ends with a close frame, whatever the reason."""

    _denial_headers: Sequence[tuple[bytes, bytes]] = ()
    _denial_body: bytes | None = None

    def handle_reply(self, message: Mapping[str, Any]) -> None:
        if message["type"] == f"{DENIAL}.start":
            self._denial_headers = message["headers"]
        elif message["type"] == f"{DENIAL}.body":
            self._denial_body = message["body"]
            self.serverReject()
        else:
            super().handle_reply(message)

    def sendHttpErrorResponse(  # Autobahn's name
        self, code: int, reason: str, responseHeaders: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """The application's refusal, or Autobahn's own (a key or a version that is none)."""
        if code == _OUR_FAULT:  # what went wrong is for the log
            reason = "Internal server error"
        request_id = uuid4().hex
        headers = [("Content-Type", "application/json"), ("X-Request-ID", request_id)]
        body = self._denial_body
        if body is None:
            body = edge_body(code, reason, request_id)
        else:
            headers = [(name.decode(), value.decode()) for name, value in self._denial_headers]
        headers += [("Content-Length", str(len(body))), ("Connection", "close")]
        super().sendHttpErrorResponse(code, reason, [*headers, *(responseHeaders or ())])
        self.sendData(body)

    def serverClose(self, code: int | None = None) -> None:  # Daphne's name
        """Autobahn's ``sendClose`` refuses the server's own codes, 1001 and 1011."""
        self.sendCloseFrame(code=_NORMAL if code is None else code, isReply=False)

    def _max_message_size_exceeded(self, *_: Any) -> None:
        """Autobahn would drop the line, and the client, still sending, would never know why.

        What it still sends is read and forgotten until it answers the close frame, or too late.
        """
        self.failedByMe = True
        self.sendCloseFrame(code=_BAD_PROTOCOL, isReply=False)


class HeardSocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Builds them."""

    protocol = HeardSocket

    def setProtocolOptions(self, **options: Any) -> None:  # Autobahn's name
        super().setProtocolOptions(closeHandshakeTimeout=CLOSE_SECONDS, **options)
