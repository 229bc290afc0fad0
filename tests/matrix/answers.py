"""What two answers have in common, and the count of cases that may not shrink."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.matrix.document import Operation
from tests.matrix.world import World

_OF_THE_REQUEST = {"x-request-id", "ratelimit", "date"}


def content_of(answer: Any) -> bytes:
    """The bytes; of a stream read once, as long as the answer lives."""
    if not hasattr(answer, "read_bytes"):
        answer.read_bytes = b"".join(answer) if answer.streaming else bytes(answer.content)
    return bytes(answer.read_bytes)


def seen(answer: Any) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """Status, body and headers, the request's own id left out."""
    headers = sorted((name.lower(), value) for name, value in answer.headers.items())
    body = re.sub(rb'"request_id": ?"[0-9a-f]{32}"', b'"request_id":""', content_of(answer))
    kept = tuple((name, value) for name, value in headers if name not in _OF_THE_REQUEST)
    return answer.status_code, body, kept


def code_of(answer: Any) -> str:
    return str(json.loads(content_of(answer))["error"]["code"])


def check(answer: Any, call: Operation, world: World) -> None:
    """What holds for every answer to A: documented, named, and without a word of B's."""
    assert answer.status_code in call.statuses, (call.id, answer.status_code, content_of(answer))
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])
    headers = repr(sorted(answer.headers.items())).encode()
    assert not world.leaks(content_of(answer) + headers), call.id
    if answer.status_code >= 400:
        error = json.loads(content_of(answer))["error"]
        assert set(error) - {"fields"} == {"code", "message", "request_id"}
        assert error["request_id"] == answer["X-Request-ID"]
        assert ("fields" in error) == (error["code"] == "invalid")
    if answer.status_code in (429, 503):
        assert int(answer["Retry-After"]) >= 1
