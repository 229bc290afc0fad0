"""Requests that are refused before they are one: each gets a status, the shape, and its id."""

from __future__ import annotations

import json
import socket

from tests.faults.house import House

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
POST = b"POST /v1/sources HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def exchange(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the one answer, read until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(sent)
        got = b""
        while piece := peer.recv(65536):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert len(body) == int(headers.get("content-length", len(body))), got
    return int(first.split()[1]), headers, body


def refused(port: int, sent: bytes, status: int, code: str) -> None:
    found, headers, body = exchange(port, sent)
    assert headers["content-type"] == "application/json", (sent[:80], headers)
    error = json.loads(body)["error"]
    assert (found, error["code"]) == (status, code), sent[:80]
    assert error["request_id"] == headers["x-request-id"]


def test_framing(house: House) -> None:
    house.serve()
    port = house.port
    end = b"\r\n"
    for body in (
        POST + b"Content-Length: abc\r\n" + end,
        POST + b"Content-Length: -1\r\n" + end,
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n" + end + b"xx",
        POST + b"Content-Length: 1\r\n" + CHUNKED + end + b"0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip\r\n" + end,
        POST + CHUNKED + end + b"zz\r\nabc\r\n0\r\n\r\n",
        GET + HOST + b"no colon\r\n" + end,
        b"nonsense\r\n\r\n",
        GET + end,
        GET + HOST + HOST + end,
    ):
        refused(port, body, 400, "bad_request")

    long_line = b"GET /healthz?q=" + b"a" * 17_000 + b" HTTP/1.1\r\n"
    refused(port, long_line + HOST + end, 414, "too_large")
    refused(port, long_line.replace(b"a" * 17_000, b"a" * 900_000) + HOST + end, 414, "too_large")
    for size in (17_000, 100_000):
        refused(port, GET + HOST + b"X-Long: " + b"a" * size + end + end, 431, "too_large")
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(1000))
    refused(port, GET + HOST + many + end, 431, "too_large")

    close = b"Connection: close\r\n\r\n"
    for target, host in (
        (b"http://127.0.0.1/healthz", b"Host: other.example\r\n"),
        (b"/healthz", HOST),
    ):
        status, _, answer = exchange(port, b"GET " + target + b" HTTP/1.1\r\n" + host + close)
        assert (status, json.loads(answer)) == (200, {"status": "ok"})
    stranger = b"GET http://other.example/readyz HTTP/1.1\r\n" + HOST + close
    assert exchange(port, stranger)[0] == 400
    assert exchange(port, b"GET /healthz HTTP/1.0\r\n\r\n")[0] == 200
