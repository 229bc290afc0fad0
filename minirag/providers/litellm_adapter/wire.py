"""The witness of one provider call: it sits in the HTTP transport and sees what really came.

litellm turns a 401 into a 400, a cut stream into a "stop" and a swallowed event into silence, so
the verdict on a call is taken here, from status, headers and events, and litellm only translates.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx

from minirag.errors import AnswerLost, MiniRAGError, ProviderUnavailable
from minirag.providers.catalog import Dialect
from minirag.providers.litellm_adapter import failures
from minirag.providers.litellm_adapter.dialects import Heard, hear


class WireFailure(Exception):
    """Stops the vendor's code. Not an httpx error: those make litellm send the request again."""


@dataclass(slots=True)
class Wire:
    """What was seen of one call. ``deadline`` is on the monotonic clock."""

    dialect: Dialect
    streaming: bool
    timeout: httpx.Timeout
    max_bytes: int
    deadline: float
    sent: bool = False
    ended: bool = False
    # The connection broke after the provider had said how it finished.
    severed: bool = False
    finish: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    failure: MiniRAGError | None = None
    # The answer's body, for a reader that needs no translation of its events.
    body: AsyncGenerator[bytes, None] | None = None
    _texts: list[str] = field(default_factory=list)
    _bytes: int = 0
    _line: bytearray = field(default_factory=bytearray)
    _data: list[bytes] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """The provider said how it finished, and the stream is over."""
        return self.finish is not None and self.ended

    def stop(self, failure: MiniRAGError) -> WireFailure:
        """Keep the first failure and give the exception to raise."""
        self.failure = self.failure or failure
        return WireFailure(self.failure.message)

    def broke(self, error: Exception) -> WireFailure:
        """The transport failed. After the provider's finish reason nothing is lost by it."""
        if self.finish is not None and isinstance(error, httpx.TransportError):
            self.severed = True
            return WireFailure(failures.CUT)
        return self.stop(failures.of_transport(error))

    def answered(self, response: httpx.Response) -> None:
        """Judge status and type before the vendor's code sees either."""
        failure = failures.of_status(response.status_code, response.headers.get("retry-after"))
        if failure is not None:
            raise self.stop(failure)
        if response.headers.get("content-type", "").lower().startswith("text/html"):
            raise self.stop(ProviderUnavailable(failures.UNREADABLE))

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the body."""
        if self.failure is not None:
            raise WireFailure(self.failure.message)
        self._bytes += len(chunk)
        if self._bytes > self.max_bytes:
            raise self.stop(AnswerLost(failures.TOO_LONG))
        if time.monotonic() > self.deadline:
            raise self.stop(AnswerLost(failures.TIMED_OUT))
        if self.streaming:
            self._read_lines(chunk)

    def finished(self) -> None:
        """The body ended without a transport error."""
        if self.streaming:
            self._read_lines(b"\n\n")
        self.ended = True
        if self.failure is not None:
            raise WireFailure(self.failure.message)

    def _read_lines(self, chunk: bytes) -> None:
        self._line += chunk
        if b"\n" not in chunk:
            return
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif not line and self._data:
                self._event(b"\n".join(self._data))
                self._data.clear()

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.ended = True
            return
        try:
            heard = hear(self.dialect, json.loads(data)) if data else Heard()
        except (ValueError, RecursionError):
            self.failure = self.failure or AnswerLost(failures.UNREADABLE)
            return
        self._remember(heard)

    def take_text(self) -> str:
        """What was said since the last look, as far as it stands in the events as it is."""
        text = "".join(self._texts)
        self._texts.clear()
        return text

    def _remember(self, heard: Heard) -> None:
        if heard.text and self.failure is None:
            self._texts.append(heard.text)
        if heard.error:
            self.failure = self.failure or AnswerLost(failures.CUT)
        self.finish = self.finish or heard.finish
        if heard.input_tokens is not None:
            self.input_tokens = heard.input_tokens
        if heard.output_tokens is not None:
            self.output_tokens = heard.output_tokens

    def reset_timeout(self, request: httpx.Request) -> None:
        """Vendors set their own timeouts per request; ours stand."""
        self.sent = True
        request.extensions["timeout"] = self.timeout.as_dict()


class _AsyncBody(httpx.AsyncByteStream):
    """Read once, by the vendor's code or by ours: both go on where the other left off."""

    def __init__(self, response: httpx.Response, wire: Wire) -> None:
        self.response = response
        self.wire = wire
        wire.body = self._chunks()

    def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.wire.body is not None
        return self.wire.body

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in self.response.aiter_raw():
                self.wire.feed(chunk)
                yield chunk
        except httpx.HTTPError as error:
            raise self.wire.broke(error) from None
        self.wire.finished()

    async def aclose(self) -> None:
        await self.response.aclose()


@dataclass(slots=True)
class _Body(httpx.SyncByteStream):
    response: httpx.Response
    wire: Wire

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.response.iter_raw():
                self.wire.feed(chunk)
                yield chunk
        except httpx.HTTPError as error:
            raise self.wire.broke(error) from None
        self.wire.finished()

    def close(self) -> None:
        self.response.close()


def _rewrapped(
    response: httpx.Response, stream: httpx.AsyncByteStream | httpx.SyncByteStream
) -> httpx.Response:
    return httpx.Response(response.status_code, headers=response.headers.raw, stream=stream)


class AsyncWireTransport(httpx.AsyncBaseTransport):
    """Sends through the guarded client and lets ``wire`` watch."""

    def __init__(self, guarded: httpx.AsyncClient, wire: Wire) -> None:
        self._guarded = guarded
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._wire.reset_timeout(request)
        request.headers["Accept-Encoding"] = "identity"
        try:
            response = await self._guarded.send(request, stream=True)
        except (httpx.HTTPError, MiniRAGError) as error:
            raise self._wire.broke(error) from None
        try:
            self._wire.answered(response)
        except WireFailure:
            await response.aclose()
            raise
        return _rewrapped(response, _AsyncBody(response, self._wire))

    async def aclose(self) -> None:
        await self._guarded.aclose()


class WireTransport(httpx.BaseTransport):
    """As ``AsyncWireTransport``, blocking."""

    def __init__(self, guarded: httpx.Client, wire: Wire) -> None:
        self._guarded = guarded
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._wire.reset_timeout(request)
        try:
            response = self._guarded.send(request, stream=True)
        except (httpx.HTTPError, MiniRAGError) as error:
            raise self._wire.broke(error) from None
        try:
            self._wire.answered(response)
        except WireFailure:
            response.close()
            raise
        return _rewrapped(response, _Body(response, self._wire))

    def close(self) -> None:
        self._guarded.close()
