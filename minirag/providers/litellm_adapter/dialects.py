"""What the events of a provider's stream say in the provider's own words.

litellm makes up a finish reason and token counts where a stream just ends, so both are read from
the wire, beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minirag.providers.catalog import Dialect
from minirag.types import FinishReason

_LENGTH = frozenset(
    {"length", "max_tokens", "MAX_TOKENS", "model_length", "model_context_window_exceeded"}
)
_FILTERED = frozenset(
    {
        "content_filter",
        "refusal",
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
    }
)
_FAILED = frozenset(
    {
        "error",
        "OTHER",
        "FINISH_REASON_UNSPECIFIED",
        "MALFORMED_FUNCTION_CALL",
        "insufficient_system_resource",
    }
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one event said; None where it said nothing about it.

    ``text`` is read for the ``openai`` dialect only, where it stands in the event as it is.
    """

    text: str = ""
    finish: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: bool = False


def finish_reason(word: str) -> FinishReason | None:
    """The contract's word for a provider's own; None for one that reports a failure."""
    if word in _FAILED:
        return None
    if word in _LENGTH:
        return "length"
    return "content_filter" if word in _FILTERED else "stop"


def hear(dialect: Dialect, event: object) -> Heard:
    """Read one event; odd shapes say nothing. Raises ``ValueError`` for counts and texts that are
    none.
    """
    if not isinstance(event, dict):
        return Heard()
    if event.get("error"):
        return Heard(error=True)
    if dialect == "anthropic":
        return _anthropic(event)
    return _gemini(event) if dialect == "gemini" else _openai(event)


def _openai(event: Mapping[str, Any]) -> Heard:
    usage = _mapping(event.get("usage"))
    choice = _first(event.get("choices"))
    return Heard(
        text=_content(_mapping(choice.get("delta")).get("content")),
        finish=_word(choice.get("finish_reason")),
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _anthropic(event: Mapping[str, Any]) -> Heard:
    usage = _mapping(event.get("usage")) or _mapping(_mapping(event.get("message")).get("usage"))
    counts = [
        _count(usage.get(name))
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    ]
    return Heard(
        finish=_word(_mapping(event.get("delta")).get("stop_reason")),
        input_tokens=None if counts[0] is None else sum(count or 0 for count in counts),
        output_tokens=_count(usage.get("output_tokens")),
        error=event.get("type") == "error",
    )


def _gemini(event: Mapping[str, Any]) -> Heard:
    usage = _mapping(event.get("usageMetadata"))
    said = _count(usage.get("candidatesTokenCount"))
    thought = _count(usage.get("thoughtsTokenCount"))
    blocked = _word(_mapping(event.get("promptFeedback")).get("blockReason"))
    return Heard(
        finish="SAFETY" if blocked else _word(_first(event.get("candidates")).get("finishReason")),
        input_tokens=_count(usage.get("promptTokenCount")),
        output_tokens=None if said is None and thought is None else (said or 0) + (thought or 0),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Mapping[str, Any]:
    return _mapping(value[0]) if isinstance(value, list) and value else {}


def _content(value: object) -> str:
    """The text of a delta. Some reasoning models send a list of typed parts instead."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [_mapping(part) for part in value]
        return "".join(_content(part.get("text")) for part in parts if part.get("type") == "text")
    raise ValueError("not a text")


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    """A number of tokens. Anything else is an event nobody can read, litellm least of all."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31:
        raise ValueError("not a number of tokens")
    return int(value)
