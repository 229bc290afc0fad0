"""Frames of a WebSocket client, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings

from chat.models import Channel
from chat.serializers import ChatInput, StopInput
from chat.services import Ask
from minirag.api.errors import flatten
from minirag.api.parsers import loads
from minirag.api.serializers import StrictSerializer
from minirag.errors import Invalid, MiniRAGError

_LONGEST_ID = 200
_ENVELOPE = ("type", "id")
_SURROGATE = re.compile("[\ud800-\udfff]")


class ProtocolError(Exception):
    """What came is no frame at all; the socket is closed with 4409."""


def parse_frame(text: str | None) -> dict[str, Any]:
    """A frame as an object with a ``type``. Raises ``ProtocolError`` for anything else."""
    if text is None:
        raise ProtocolError("binary")
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > settings.MINIRAG_MAX_FRAME_BYTES:
        raise ProtocolError("too large")
    try:
        frame = loads(data)
    except MiniRAGError as error:
        raise ProtocolError("no JSON") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise ProtocolError("no type")
    if not _is_id(frame.get("id")):
        raise ProtocolError("no id")
    # Names of fields come back in an ``invalid`` error, as the id does in every answer; texts are
    # judged with their field.
    if not all(_can_be_sent(name) for name in frame):
        raise ProtocolError("no name")
    return frame


def _is_id(value: object) -> bool:
    """Whether it is left out, or a text that can be said again."""
    if value is None:
        return True
    return isinstance(value, str) and len(value) <= _LONGEST_ID and _can_be_sent(value)


def _can_be_sent(text: str) -> bool:
    """Half a surrogate pair is JSON that no UTF-8 can carry."""
    return not _SURROGATE.search(text)


def read_ask(frame: Mapping[str, Any], channel: Channel) -> Ask:
    """The question of an ``ask`` frame. Raises ``Invalid``."""
    data = _read(ChatInput, frame)
    return Ask(
        bot_profile_id=data["bot_profile_id"],
        message=data["message"],
        chat_id=data.get("chat_id"),
        external_user=data.get("external_user"),
        channel=channel,
    )


def read_message_id(frame: Mapping[str, Any]) -> UUID:
    """The message of a ``stop`` frame. Raises ``Invalid``."""
    found: UUID = _read(StopInput, frame)["message_id"]
    return found


def _read(kind: type[StrictSerializer], frame: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in ``frame`` beside its envelope. Raises ``Invalid``."""
    given = kind(data={name: value for name, value in frame.items() if name not in _ENVELOPE})
    if not given.is_valid():
        raise Invalid(fields=flatten(given.errors))
    data: dict[str, Any] = given.validated_data
    return data
