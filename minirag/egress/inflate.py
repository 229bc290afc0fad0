"""Response bodies counted while they are inflated: a cap looked at afterwards is no cap."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

import httpx

_STEP = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class ResponseTooLarge(httpx.DecodingError):
    """The body, inflated, is longer than the cap."""


class Inflater:
    """gzip (or nothing) to plain bytes, never more than ``max_bytes`` in total.

    Raises ``ResponseTooLarge``, or ``httpx.DecodingError`` for a broken or unasked encoding.
    """

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self._left = max_bytes
        self._gzip = None
        self._fed = False
        if encoding in ("gzip", "x-gzip"):
            self._gzip = zlib.decompressobj(_GZIP)
        elif encoding not in ("", "identity"):
            raise httpx.DecodingError("the answer came in an encoding that was not asked for")

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._gzip is None:
            yield self._counted(data)
            return
        self._fed = self._fed or bool(data)
        try:
            yield from self._inflate(data)
        except zlib.error as error:
            raise httpx.DecodingError("the compressed answer is broken") from error

    def finish(self) -> None:
        if self._gzip is not None and self._fed and not self._gzip.eof:
            raise httpx.DecodingError("the compressed answer is cut short")

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        assert self._gzip is not None
        while data:
            if self._gzip.eof:
                if not data.startswith(b"\x1f"):
                    return  # padding after the last member
                self._gzip = zlib.decompressobj(_GZIP)
            piece = self._gzip.decompress(data, _STEP)
            data = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
            if piece:
                yield self._counted(piece)

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ResponseTooLarge("the answer is too large")
        return data


class InflatedStream(httpx.SyncByteStream):
    """Body of a blocking response."""

    def __init__(self, inner: Iterable[bytes], inflater: Inflater) -> None:
        self._inner = inner
        self._inflater = inflater

    def __iter__(self) -> Iterator[bytes]:
        for data in self._inner:
            yield from self._inflater.feed(data)
        self._inflater.finish()

    def close(self) -> None:
        if isinstance(self._inner, httpx.SyncByteStream):
            self._inner.close()


class AsyncInflatedStream(httpx.AsyncByteStream):
    """Body of an asyncio response."""

    def __init__(self, inner: AsyncIterable[bytes], inflater: Inflater) -> None:
        self._inner = inner
        self._inflater = inflater

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._inner:
            for piece in self._inflater.feed(data):
                yield piece
        self._inflater.finish()

    async def aclose(self) -> None:
        if isinstance(self._inner, httpx.AsyncByteStream):
            await self._inner.aclose()
