"""A Qdrant server that is away, slow, broken or refusing: one error, in time, for every call."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from minirag.errors import ErrorCode, MiniRAGError, RetrievalUnavailable
from minirag.types import PointSelector
from minirag.vectorstores.qdrant import QdrantStore
from tests.doubles.qdrant_rest import QdrantDouble
from tests.vectorstores.corpus import make_point, make_query, new_space

SPACE = new_space()
RNG = np.random.default_rng(1)
CALLS: dict[str, Callable[[QdrantStore], object]] = {
    "ping": lambda store: store.ping(),
    "ensure": lambda store: store.ensure_collection(SPACE),
    "upsert": lambda store: store.upsert(SPACE, uuid4(), [make_point(RNG)]),
    "search": lambda store: store.search(SPACE, uuid4(), make_query(RNG, [uuid4()])),
    "delete": lambda store: store.delete(SPACE, uuid4(), PointSelector()),
    "count": lambda store: store.count(SPACE, uuid4(), PointSelector()),
    "scroll": lambda store: list(store.scroll_ids(SPACE, uuid4(), PointSelector())),
}


def http(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def server(answer: bytes | None, *, reset: bool = False) -> Iterator[str]:
    """Reads one request per connection, then answers, hangs (None) or resets."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            held.append(peer)
            peer.recv(65536)
            if reset:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif answer is not None:
                peer.sendall(answer)
                peer.shutdown(socket.SHUT_WR)
            if answer is not None or reset:
                peer.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for peer in held:
            peer.close()


BROKEN = {
    "500": http("500 Internal Server Error", b'{"status":{"error":"secret detail"}}'),
    "503": http("503 Service Unavailable"),
    "401": http("401 Unauthorized", b"Must provide an API key"),
    "403": http("403 Forbidden", b"Forbidden"),
    "html": http("200 OK", b"<html>It works</html>"),
    "empty": http("200 OK", b""),
    "other json": http("200 OK", b'{"hello": 1}'),
    "list": http("200 OK", b"[]"),
    "null result": http("200 OK", b'{"result": null, "status": "ok", "time": 0.0}'),
    "wrong result": http("200 OK", b'{"result": "x", "status": "ok", "time": 0.0}'),
    "not utf-8": http("200 OK", b'{"result": "\xff\xfe'),
    "cut short": http("200 OK", b'{"result": ', length=500),
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "silence": b"",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_every_call_of_a_broken_server_is_retrieval_unavailable(fault: str) -> None:
    with server(BROKEN[fault]) as url:
        store = QdrantStore(url, timeout=2)
        for name, call in CALLS.items():
            with pytest.raises(RetrievalUnavailable) as caught:
                call(store)
            assert caught.value.message == RetrievalUnavailable.default_message, name
        store.close()


@pytest.mark.parametrize("name", CALLS)
def test_a_reset_or_refused_connection(name: str) -> None:
    with server(None, reset=True) as url, pytest.raises(RetrievalUnavailable):
        CALLS[name](QdrantStore(url, timeout=2))
    with pytest.raises(RetrievalUnavailable):  # nobody listens there any more
        CALLS[name](QdrantStore(url, timeout=2))


@pytest.mark.parametrize("name", ["search", "upsert"])
def test_a_server_that_hangs_costs_the_timeout_once(name: str) -> None:
    with server(None) as url:
        store = QdrantStore(url, timeout=1)
        store_ready = CALLS["ping"]  # the client's import is not the server's fault
        with pytest.raises(RetrievalUnavailable):
            store_ready(store)
        began = time.monotonic()
        with pytest.raises(RetrievalUnavailable):
            CALLS[name](store)
        assert 0.9 < time.monotonic() - began < 1.9


def test_a_limit_tells_when_to_come_again() -> None:
    with server(http("429 Too Many Requests", b"{}", "Retry-After: 7")) as url:
        with pytest.raises(RetrievalUnavailable) as caught:
            CALLS["search"](QdrantStore(url))
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_refused_request_is_our_fault_and_not_worth_a_retry(status: str) -> None:
    with server(http(status, b'{"status":{"error":"bad filter"}}')) as url:
        with pytest.raises(MiniRAGError) as caught:
            CALLS["search"](QdrantStore(url))
        assert caught.value.code == ErrorCode.INTERNAL
        assert "bad filter" not in caught.value.message


def test_hits_of_another_tenant_or_without_ids_never_come_through() -> None:
    """The database would drop them too; a store that answers so is not to be trusted at all."""
    tenant = uuid4()
    for payload in (b"null", b"{}", f'{{"tenant_id": "{uuid4()}"}}'.encode()):
        point = b'{"id": "%s", "version": 0, "score": 0.5, "payload": %s}' % (
            str(UUID(int=3)).encode(),
            payload,
        )
        body = b'{"result": {"points": [%s]}, "status": "ok", "time": 0.0}' % point
        with server(http("200 OK", body)) as url, pytest.raises(RetrievalUnavailable):
            QdrantStore(url).search(SPACE, tenant, make_query(RNG, [uuid4()]))


def test_it_works_again_once_the_server_is_back(tmp_path: Path) -> None:
    with QdrantDouble(tmp_path) as double:
        store = QdrantStore(double.url, timeout=2)
        store.ensure_collection(SPACE)
        store.upsert(SPACE, UUID(int=1), [make_point(RNG)])
        port = int(double.url.rsplit(":", 1)[1])
    with pytest.raises(RetrievalUnavailable):
        store.ping()
    with QdrantDouble(tmp_path, port=port):
        assert store.count(SPACE, UUID(int=1), PointSelector()) == 1
        store.close()


def test_the_environments_proxy_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with QdrantDouble(tmp_path) as double:
        QdrantStore(double.url).ping()
