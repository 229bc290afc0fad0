"""httpx clients over the guarded backends."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import httpcore
import httpx
from django.conf import settings

from minirag.egress.allow import Use
from minirag.egress.backends import Clock, GuardedAsyncBackend, GuardedBackend
from minirag.egress.guard import Guard, guard_for
from minirag.egress.inflate import AsyncInflatedStream, InflatedStream, Inflater

_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "MiniRAG"}
_DROPPED = frozenset({"content-encoding", "content-length"})
Timeout = float | httpx.Timeout


class _Transport(httpx.HTTPTransport):
    def __init__(self, guard: Guard, clock: Clock, max_bytes: int, keep_alive: bool) -> None:
        super().__init__(verify=tls_context(), trust_env=False)
        self._guard = guard
        self._max_bytes = max_bytes
        self._pool = httpcore.ConnectionPool(
            network_backend=GuardedBackend(guard, clock), **_pool_options(keep_alive)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._guard.check(request.url)
        response = super().handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        try:
            inflater = Inflater(_encoding(response), self._max_bytes)
        except httpx.DecodingError:
            response.close()
            raise
        return _plain(response, InflatedStream(response.stream, inflater))


class _AsyncTransport(httpx.AsyncHTTPTransport):
    def __init__(self, guard: Guard, max_bytes: int, keep_alive: bool) -> None:
        super().__init__(verify=tls_context(), trust_env=False)
        self._guard = guard
        self._max_bytes = max_bytes
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=GuardedAsyncBackend(guard), **_pool_options(keep_alive)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._guard.check(request.url)
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            inflater = Inflater(_encoding(response), self._max_bytes)
        except httpx.DecodingError:
            await response.aclose()
            raise
        return _plain(response, AsyncInflatedStream(response.stream, inflater))


class _Client(httpx.Client):
    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        # A vendor's library may ask for redirects per request; credentials would travel along.
        options["follow_redirects"] = False
        return super().send(request, **options)


class _AsyncClient(httpx.AsyncClient):
    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        options["follow_redirects"] = False
        return await super().send(request, **options)


def client(
    use: Use,
    *,
    timeout: Timeout = 30.0,
    deadline: float | None = None,
    max_bytes: int | None = None,
    keep_alive: bool = False,
) -> httpx.Client:
    """A blocking client that reaches only what ``use`` may reach. Close it.

    ``timeout`` is per wait, ``deadline`` for the client's whole life (seconds). ``max_bytes`` caps
    one inflated body (default ``MINIRAG_EGRESS_MAX_BYTES``). ``keep_alive`` only for a client that
    serves one tenant. Redirects are never followed. Raises ``AddressRefused`` besides httpx's own.
    """
    transport = _Transport(guard_for(use), Clock(deadline), _cap(max_bytes), keep_alive)
    return _Client(transport=transport, timeout=timeout, trust_env=False, headers=_HEADERS)


def async_client(
    use: Use,
    *,
    timeout: Timeout = 30.0,
    max_bytes: int | None = None,
    keep_alive: bool = False,
) -> httpx.AsyncClient:
    """As ``client``, for asyncio. Deadlines are the caller's ``asyncio.timeout``."""
    transport = _AsyncTransport(guard_for(use), _cap(max_bytes), keep_alive)
    return _AsyncClient(transport=transport, timeout=timeout, trust_env=False, headers=_HEADERS)


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Loading the root certificates takes tens of milliseconds, so once per process."""
    return httpx.create_ssl_context(trust_env=False)


def _cap(max_bytes: int | None) -> int:
    return int(settings.MINIRAG_EGRESS_MAX_BYTES) if max_bytes is None else max_bytes


def _pool_options(keep_alive: bool) -> dict[str, Any]:
    return {
        "ssl_context": tls_context(),
        "max_connections": 100,
        "max_keepalive_connections": 20 if keep_alive else 0,
        "keepalive_expiry": 30.0 if keep_alive else 0.0,
    }


def _encoding(response: httpx.Response) -> str:
    return str(response.headers.get("content-encoding", "")).strip().lower()


def _plain(
    response: httpx.Response, stream: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    """The same response with its body inflated already, so that nothing inflates it unbounded."""
    encoded = bool(_encoding(response))
    headers = [
        (name, value)
        for name, value in response.headers.raw
        if not (encoded and name.lower().decode("latin-1") in _DROPPED)
    ]
    return httpx.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )
