"""Network backends that look a name up once, judge every answer and connect to a judged address."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpcore
from django.conf import settings

from minirag.egress.addresses import Address
from minirag.egress.guard import Guard
from minirag.errors import AddressRefused

SocketOptions = Iterable[httpcore.SOCKET_OPTION] | None

# getaddrinfo cannot be cancelled: a lookup that hangs keeps its daemon thread until the resolver
# gives up, so their number is bounded.
_lookups = threading.BoundedSemaphore(128)
_MAX_ADDRESSES = 4


class Clock:
    """A whole-transfer deadline: no single wait may be longer than what is left of it."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def clip(self, timeout: float | None, error: type[Exception]) -> float | None:
        """``timeout`` in seconds, cut to what is left; raises ``error`` when nothing is."""
        if self._end is None:
            return timeout
        left = self._end - time.monotonic()
        if left <= 0:
            raise error("the deadline has passed")
        return left if timeout is None else min(timeout, left)


def _start_lookup(host: str, port: int) -> Future[list[Address]]:
    future: Future[list[Address]] = Future()
    if not _lookups.acquire(blocking=False):
        future.set_exception(httpcore.ConnectError("too many lookups under way"))
        return future

    # Running from the start: who stops waiting may not cancel what the thread will still set.
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(_lookup(host, port))
        except (OSError, UnicodeError, ValueError) as error:
            future.set_exception(httpcore.ConnectError(str(error)))
        finally:
            _lookups.release()

    threading.Thread(target=run, name="egress-lookup", daemon=True).start()
    return future


def _lookup(host: str, port: int) -> list[Address]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    # A zone id stays in the text, so that the judge sees (and refuses) it.
    return list(dict.fromkeys(ip_address(str(answer[4][0])) for answer in answers))


def _known(host: str) -> list[Address] | None:
    try:
        return [ip_address(host)]
    except ValueError:
        return None


def _lookup_wait(timeout: float | None) -> float:
    most = float(settings.MINIRAG_DNS_TIMEOUT)
    return most if timeout is None else min(most, timeout)


def _same_peer(stream: Any, address: Address) -> bool:
    peer = stream.get_extra_info("server_addr")
    return bool(peer) and ip_address(str(peer[0])) == address


@contextmanager
def _late_is(error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except (TimeoutError, FutureTimeout) as late:
        raise error("timed out") from late


class GuardedStream(httpcore.NetworkStream):
    """A stream whose every wait is cut to the deadline, so that a slow drip cannot stretch it."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._clock.clip(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.clip(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        wait = self._clock.clip(timeout, httpcore.ConnectTimeout)
        return GuardedStream(self._inner.start_tls(ssl_context, server_hostname, wait), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """Blocking side."""

    def __init__(self, guard: Guard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.NetworkStream:
        clock = Clock(self._clock.clip(timeout, httpcore.ConnectTimeout))
        addresses = _known(host) or self._resolve(host, port, clock)
        self._guard.judge(host, port, addresses)
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                wait = clock.clip(None, httpcore.ConnectTimeout)
                stream = self._inner.connect_tcp(str(address), port, wait, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            if not _same_peer(stream, address):
                stream.close()
                raise AddressRefused
            return GuardedStream(stream, self._clock)
        raise failure

    def _resolve(self, host: str, port: int, clock: Clock) -> list[Address]:
        wait = _lookup_wait(clock.clip(None, httpcore.ConnectTimeout))
        with _late_is(httpcore.ConnectTimeout):
            return _start_lookup(host, port).result(wait)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions = None
    ) -> httpcore.NetworkStream:
        raise AddressRefused


class GuardedAsyncBackend(httpcore.AsyncNetworkBackend):
    """Twin for asyncio: the library has two interfaces. Deadlines are the caller's own there."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.AsyncNetworkStream:
        clock = Clock(timeout)
        addresses = _known(host) or await self._resolve(host, port, clock)
        self._guard.judge(host, port, addresses)
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                wait = clock.clip(None, httpcore.ConnectTimeout)
                stream = await self._inner.connect_tcp(
                    str(address), port, wait, None, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            if not _same_peer(stream, address):
                await stream.aclose()
                raise AddressRefused
            return stream
        raise failure

    async def _resolve(self, host: str, port: int, clock: Clock) -> list[Address]:
        wait = _lookup_wait(clock.clip(None, httpcore.ConnectTimeout))
        with _late_is(httpcore.ConnectTimeout):
            return await asyncio.wait_for(asyncio.wrap_future(_start_lookup(host, port)), wait)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        socket_options: SocketOptions = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused
