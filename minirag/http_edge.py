"""What is refused before a request exists: framing, lengths and ``Host``, answered in our shape.

Twisted hangs up on a long line without a word, and answers bad framing with a bare status line.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from uuid import uuid4

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.web.http import HTTPChannel

from minirag.metrics import count_refusal

logger = logging.getLogger(__name__)

RETRY_AFTER = 5  # seconds
_REFUSAL_SECONDS = 5.0
_REASONS = {
    400: "Bad Request",
    413: "Payload Too Large",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_CODES = {
    400: "bad_request",
    403: "forbidden",
    413: "too_large",
    414: "too_large",
    431: "too_large",
    500: "internal",
    503: "unavailable",
}
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_UNREADABLE = "The request cannot be parsed as HTTP/1.1."
_LONG_TARGET = "The request line is too long."
_LONG_HEADERS = "The request headers are too long or too many."
_HOST = "An HTTP/1.1 request carries exactly one Host header."


def edge_body(status: int, message: str, request_id: str) -> bytes:
    """The contract's error shape, for an answer that no view gives."""
    code = _CODES.get(status, "bad_request")
    error = {"code": code, "message": message, "request_id": request_id}
    return json.dumps({"error": error}).encode()


def origin_form(target: bytes) -> tuple[bytes, bytes | None]:
    """``/path?query`` of a target, and the host that an absolute one names."""
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        return target, None
    rest = found[2]
    return (rest if rest.startswith(b"/") else b"/" + rest), found[1]


class RefusingChannel(HTTPChannel):
    """One connection. After a refusal it reads and forgets, until the client has hung up."""

    transport: Any
    refused = False

    def refuse(self, status: int, message: str) -> None:
        """Answer and end the connection; only the first refusal is heard."""
        if self.refused:
            return
        self.refused = True
        request_id = uuid4().hex
        count_refusal(status)
        logger.info("refused with %d as %s: %s", status, request_id, message)
        body = edge_body(status, message, request_id)
        later = f"Retry-After: {RETRY_AFTER}\r\n" if status == 503 else ""
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n"
            f"{later}Connection: close\r\n\r\n"
        )
        transport = self.transport
        transport.write(head.encode() + body)
        # Closed at once, the client's unread bytes would make its system drop our answer.
        if IHalfCloseableDescriptor.providedBy(transport):
            transport.loseWriteConnection()
        reactor.callLater(_REFUSAL_SECONDS, transport.loseConnection)  # type: ignore[arg-type]

    def _respondToBadRequestAndDisconnect(self) -> None:  # Twisted's name
        self.refuse(400, _UNREADABLE)

    def dataReceived(self, data: bytes) -> None:  # Twisted's name
        if not self.refused:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # Twisted's name
        if not self.refused:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:  # Twisted's name
        self._refuse_length()

    def lineReceived(self, line: bytes) -> None:  # Twisted's name
        if self.refused:
            return
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self._refuse_length()
        else:
            super().lineReceived(line)  # type: ignore[no-untyped-call]

    def _refuse_length(self) -> None:
        if self._receivedHeaderSize:
            self.refuse(431, _LONG_HEADERS)
        else:
            self.refuse(414, _LONG_TARGET)

    def headerReceived(self, line: bytes) -> bool:  # Twisted's name
        if self._receivedHeaderCount >= self.maxHeaders:
            self.refuse(431, _LONG_HEADERS)
        if self.refused:
            return False
        return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:  # Twisted's name
        if self.refused:
            return
        hosts = self.requests[-1].requestHeaders.getRawHeaders(b"Host", [])
        if len(hosts) > 1 or (not hosts and self._version == b"HTTP/1.1"):
            self.refuse(400, _HOST)
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # Twisted's name
        if not self.refused:
            super().allContentReceived()  # type: ignore[no-untyped-call]
