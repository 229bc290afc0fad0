"""A body for which the application itself has no room, behind whatever server."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.core.signals import request_started

from minirag.request_threads import PooledASGIHandler
from tenants.models import Tenant
from tests.cast import token_of
from tests.limits import files_of_at_most

# More than Django keeps in memory, so that it needs a file.
SIZE = settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1_000_000
CHUNK = 500_000


async def post(token: str, *, length: int) -> tuple[int, dict[str, str], Any]:
    """A source whose content is too long for the disk, piece by piece; status, headers, body."""
    body = json.dumps({"name": "N", "type": "text", "content": "x" * length}).encode()
    headers = [
        (b"host", b"testserver"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"authorization", f"Bearer {token}".encode()),
    ]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/sources", "headers": headers,
        "query_string": b"", "client": ("127.0.0.1", 1), "server": ("testserver", 80),
    }  # fmt: skip
    client = ApplicationCommunicator(PooledASGIHandler(), scope)
    for start in range(0, len(body), CHUNK):
        piece, more = body[start : start + CHUNK], start + CHUNK < len(body)
        await client.send_input({"type": "http.request", "body": piece, "more_body": more})
    with ExitStack() as full:
        full.enter_context(files_of_at_most(settings.FILE_UPLOAD_MAX_MEMORY_SIZE // 2))

        def room_again(**_: object) -> None:
            full.close()

        # Sent between the body and the view: only the body has no room, the database has.
        request_started.connect(room_again)
        try:
            begun = await client.receive_output(10)
        finally:
            request_started.disconnect(room_again)
    told = await client.receive_output(10)
    await client.wait(10)
    head = {name.decode().lower(): value.decode() for name, value in begun["headers"]}
    return begun["status"], head, json.loads(told["body"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("last_piece", [False, True], ids=["in the middle", "with its last piece"])
async def test_the_view_says_so(tenant: Tenant, last_piece: bool) -> None:
    length = settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1 if last_piece else SIZE
    status, headers, body = await post(await sync_to_async(token_of)(tenant), length=length)
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert int(headers["retry-after"]) >= 1
    assert headers["x-request-id"] == body["error"]["request_id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "room" not in body["error"]["message"] and "/" not in body["error"]["message"]


@pytest.mark.django_db(transaction=True)
async def test_a_stranger_learns_nothing_of_it(tenant: Tenant) -> None:
    status, _, body = await post("mrag_nobody", length=SIZE)
    assert (status, body["error"]["code"]) == (401, "unauthenticated")
