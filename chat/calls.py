"""One call of a chat model, metered: reserved before, settled with the best numbers there are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from chat.database import in_database
from minirag.errors import AnswerLost, MiniRAGError
from minirag.protocols import ChatModel
from minirag.types import ChatRequest, Delta, Finish, TokenUsage
from usage import ledger
from usage.models import UsageKind

LOCAL_PREFIX = "local/"


@dataclass(frozen=True, slots=True)
class CallOwner:
    """On whose account a call of a provider goes."""

    tenant_id: UUID
    bot_profile_id: UUID | None = None
    message_id: UUID | None = None


@dataclass(slots=True)
class _Progress:
    """What a call has shown so far, for its settlement."""

    usage: TokenUsage | None = None
    pieces: list[str] = field(default_factory=list)


@asynccontextmanager
async def metered_stream(
    model: ChatModel, request: ChatRequest, kind: UsageKind, owner: CallOwner, estimate: TokenUsage
) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
    """The model's stream inside its reservation. Leaving early ends the provider's request.

    Settled with the provider's numbers; with an own count, flagged as estimated, where it was left
    before it gave any, or its answer was lost on the way; released where the provider refused
    before its first word. Raises ``QuotaExceeded`` before the call.
    """
    call = await in_database(
        ledger.reserve_call,
        tenant_id=owner.tenant_id,
        kind=kind,
        model=model.model,
        estimate=estimate,
        bot_profile_id=owner.bot_profile_id,
        message_id=owner.message_id,
    )
    progress = _Progress()
    stream = _watched(model, request, progress)
    refused = False
    try:
        yield stream
    except MiniRAGError as error:
        refused = not progress.pieces and not isinstance(error, AnswerLost)
        raise
    finally:
        await stream.aclose()
        if refused and progress.usage is None:
            await in_database(ledger.release, call)
        else:
            usage = progress.usage or _own_count(model, estimate, progress.pieces)
            await in_database(ledger.settle, call, usage)


async def _watched(
    model: ChatModel, request: ChatRequest, progress: _Progress
) -> AsyncGenerator[Delta | Finish, None]:
    stream = model.stream(request)
    try:
        async for item in stream:
            if isinstance(item, Delta):
                progress.pieces.append(item.text)
            else:
                progress.usage = item.usage
            yield item
    finally:
        close = getattr(stream, "aclose", None)  # a generator's; plain iterators have none
        if close is not None:
            await close()


def _own_count(model: ChatModel, estimate: TokenUsage, pieces: list[str]) -> TokenUsage:
    """What was said so far, counted here; exact for a local model, which counts itself."""
    return TokenUsage(
        estimate.input_tokens,
        model.count_tokens("".join(pieces)),
        estimated=not model.model.startswith(LOCAL_PREFIX),
    )
