"""Daphne's WebSocket connection, with ends that a client hears of."""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

GOING_AWAY = 1001
_NORMAL = 1000
_BAD_PROTOCOL = 4409
# Seconds for a client to answer our close frame, and to end what it was just sending.
CLOSE_SECONDS = 5


class HeardSocket(WebSocketProtocol):  # type: ignore[misc]
    """Ends with a close frame, whatever the reason."""

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
