"""Bodies as real clients send them to the real server: chunked, malformed, far too large."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.faults.house import House

LIMIT = 2 * 1024 * 1024


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    house.children.environ["MINIRAG_MAX_UPLOAD_BYTES"] = str(LIMIT)
    house.serve()
    headers = {"Authorization": f"Bearer {house.token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{house.port}", headers=headers) as made:
        yield made


def pieces(body: bytes, size: int = 65536) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def refused(answer: httpx.Response, status: int, code: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert answer.headers["X-Request-ID"] == error["request_id"]


def test_bodies(house: House, client: httpx.Client) -> None:
    json_type = {"Content-Type": "application/json"}
    text = {"name": "Chunked", "type": "text", "content": "A body without a length is a body."}
    made = client.post("/v1/sources", content=pieces(json.dumps(text).encode()), headers=json_type)
    assert made.status_code == 201, made.text
    assert made.json()["content"] == text["content"]

    refused(
        client.post("/v1/sources", content=pieces(b"{bad"), headers=json_type), 400, "bad_request"
    )

    # Twisted would answer this one itself, with an empty 400.
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(
        client.post("/v1/sources", content=b"{}", headers=broken), 415, "unsupported_media_type"
    )

    source = client.post("/v1/sources", json={"name": "Files", "type": "file"}).json()
    upload = f"/v1/sources/{source['id']}/upload"
    fits = client.post(upload, files={"file": ("a.txt", b"a" * LIMIT)})
    assert fits.status_code == 201, fits.text
    large: Any = b"a" * (4 * LIMIT)
    refused(client.post(upload, files={"file": ("a.txt", large)}), 413, "too_large")
    refused(client.post(upload, content=pieces(large), headers=broken), 413, "too_large")


def test_a_message_of_any_size_ends_with_a_close_frame(house: House) -> None:
    """Beyond the wire's own limit too, where the client is still sending when it is refused."""
    server = house.serve()
    protocols = [Subprotocol("minirag.v1"), Subprotocol(f"bearer.{house.token}")]
    for size in (2_000_000, 10_000_000):
        url = f"ws://127.0.0.1:{house.port}/ws/v1/chat"
        with connect(url, subprotocols=protocols) as ws, pytest.raises(ConnectionClosed) as closed:
            ws.send(json.dumps({"type": "ping", "x": "y" * size}))
            ws.recv(20)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4409
    assert "Traceback" not in server.output
