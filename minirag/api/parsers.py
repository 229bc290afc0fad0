"""Reads JSON bodies strictly: what two parsers could read differently is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import JSONRenderer

from minirag.errors import BadRequest, ErrorCode, MiniRAGError, TooLarge

_BLOCK = 64 * 1024


def read_body(stream: IO[bytes], limit: int) -> bytes:
    """At most ``limit`` bytes. Raises ``TooLarge`` as soon as one more is seen."""
    parts, size = [], 0
    while block := stream.read(min(_BLOCK, limit - size + 1)):
        size += len(block)
        if size > limit:
            raise TooLarge(f"The body may hold {limit} bytes at most.")
        parts.append(block)
    return b"".join(parts)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("The JSON body holds the same key twice.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadRequest("A number in the JSON body is out of range.")
    return number


def loads(data: bytes) -> Any:
    """Strict JSON. Raises ``BadRequest`` for whatever is not, or is nested too deeply."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not valid UTF-8.") from error
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.") from error
    if not _within_depth(parsed, settings.MINIRAG_MAX_JSON_DEPTH):
        raise BadRequest("The JSON body is nested too deeply.")
    return parsed


def _within_depth(value: Any, depth: int) -> bool:
    """Whether containers are nested at most ``depth`` levels; walks level by level."""
    level = [value]
    while level:
        level = [item for item in level if isinstance(item, dict | list)]
        if level and depth == 0:
            return False
        depth -= 1
        level = [
            inner for item in level for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return True


def refuse_packed(stream: Any) -> None:
    """Raises ``MiniRAGError`` for a body in a content coding (RFC 9110, 8.4): none is read."""
    given = stream.META.get("HTTP_CONTENT_ENCODING", "") if hasattr(stream, "META") else ""
    if any(coding.strip().lower() not in ("", "identity") for coding in given.split(",")):
        raise MiniRAGError(
            "A packed body (Content-Encoding) is not read: send it as it is.",
            code=ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        )


class FileFormParser(MultiPartParser):
    """Forms with files, as they are sent, and to their end: a part that broke off is no file."""

    def parse(self, stream: Any, media_type: str | None = None, *rest: Any, **named: Any) -> Any:
        refuse_packed(stream)
        _, parameters = parse_header_parameters(media_type or "")
        watched: Any = _Watched(stream, f"--{parameters.get('boundary', '')}--".encode())
        found = super().parse(watched, media_type, *rest, **named)
        if watched.begun and not watched.ended:
            raise BadRequest("The form breaks off before its end.")
        return found


class _Watched:
    """A stream that remembers whether the last boundary came by."""

    def __init__(self, stream: Any, last: bytes) -> None:
        self._stream, self._last = stream, last
        self._before = b""
        self.begun = self.ended = False

    def read(self, size: int = -1) -> bytes:
        block: bytes = self._stream.read(size)
        seen = self._before + block
        self.begun = self.begun or bool(block)
        self.ended = self.ended or self._last in seen
        self._before = seen[1 - len(self._last) :]
        return block


class StrictJSONParser(BaseParser):
    """JSON with unique keys, finite numbers, bounded depth and size; an empty body is ``{}``."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        refuse_packed(stream)
        limit = settings.MINIRAG_MAX_BODY_BYTES
        length = stream.META.get("CONTENT_LENGTH") or "0" if hasattr(stream, "META") else "0"
        if length.isdigit() and int(length) > limit:
            raise TooLarge(f"The body may hold {limit} bytes at most.")
        data = read_body(stream, limit)
        return loads(data) if data.strip() else {}
