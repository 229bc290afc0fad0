"""What stages, rows and events look like as the contract's JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chat.models import Citation, Message, MessageStatus
from minirag.types import Passage
from usage.models import UsageEvent
from usage.money import usd


def hit_data(passage: Passage, *, text: bool = False) -> dict[str, Any]:
    """A Hit; its text only where asked for."""
    data: dict[str, Any] = {
        "chunk_id": str(passage.chunk_id),
        "document_id": str(passage.document_id),
        "source_id": str(passage.source_id),
        "title": passage.title,
    }
    if text:
        data["text"] = passage.text
    return data | {
        "score": round(float(passage.score), 6),
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
        "heading_path": list(passage.heading_path),
        "url": passage.url,
        "metadata": dict(passage.metadata),
    }


def citation_data(citation: Citation) -> dict[str, Any]:
    """A Citation."""
    return {
        "marker": citation.marker,
        "chunk_id": str(citation.chunk_id),
        "document_id": str(citation.document_id),
        "source_id": str(citation.source_id),
        "title": citation.title,
        "url": citation.url or None,
        "page": citation.page,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "verified": citation.verified,
    }


def usage_data(calls: Sequence[UsageEvent]) -> dict[str, Any]:
    """The Usage of one answer: sums over its settled calls."""
    costs = [call.cost_nano for call in calls]
    known = [cost for cost in costs if cost is not None]
    return {
        "input_tokens": sum(call.input_tokens for call in calls),
        "output_tokens": sum(call.output_tokens for call in calls),
        "cost_usd": usd(sum(known)) if len(known) == len(costs) else None,
        "estimated": any(call.estimated for call in calls),
        "calls": [
            {
                "kind": str(call.kind),
                "model": call.model,
                "input_tokens": call.input_tokens,
                "output_tokens": call.output_tokens,
                "cost_usd": usd(call.cost_nano),
                "estimated": call.estimated,
            }
            for call in calls
        ],
    }


def answer_data(message: Message, citations: Iterable[Citation]) -> dict[str, Any]:
    """The whole not-streamed body of a finished answer."""
    return {
        "chat_id": str(message.chat_id),
        "message_id": str(message.pk),
        "answer": message.content,
        "refused": message.status == MessageStatus.REFUSED,
        "finish_reason": message.finish_reason,
        "citations": [citation_data(citation) for citation in citations],
        "usage": message.usage or usage_data([]),
    }
