"""``ChatModel`` over litellm."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.conf import settings

from minirag import egress
from minirag.errors import AnswerLost, MiniRAGError, ProviderMisconfigured
from minirag.providers.litellm_adapter import failures, vendor
from minirag.providers.litellm_adapter.dialects import finish_reason
from minirag.providers.litellm_adapter.target import Target, resolve
from minirag.providers.litellm_adapter.wire import Wire
from minirag.tokens import count_tokens
from minirag.types import ChatRequest, Credentials, Delta, Finish, TokenUsage

log = logging.getLogger(__name__)
# What a chat format adds around each message, as OpenAI's guide counts it (tokens).
_PER_MESSAGE = 4
_PER_REPLY = 3


@dataclass(slots=True)
class _Call:
    """One call under way: the vendor's stream, what was said, what the wire saw."""

    target: Target
    request: ChatRequest
    wire: Wire
    http: httpx.AsyncClient | None
    started: float
    source: Any = None
    answering: bool = False
    over: bool = False
    said: list[str] = field(default_factory=list)

    @property
    def reads_itself(self) -> bool:
        """Whether the text is taken from the wire; otherwise litellm translates each event."""
        return self.target.guarded and self.wire.dialect == "openai"

    def patience(self) -> float:
        """Seconds to wait for the next piece."""
        first, later = _limits()
        left = self.started + settings.MINIRAG_PROVIDER_TOTAL_TIMEOUT - time.monotonic()
        return float(max(0.0, min(later if self.answering else first, left)))


def _limits() -> tuple[float, float]:
    """Longest wait for the first piece, and for each later one."""
    return settings.MINIRAG_PROVIDER_FIRST_TOKEN_TIMEOUT, settings.MINIRAG_PROVIDER_TOKEN_TIMEOUT


def new_wire(target: Target, *, streaming: bool, read: float, total: float) -> Wire:
    """A witness for one call; ``read`` and ``total`` in seconds."""
    provider = target.ref.provider
    return Wire(
        dialect=provider.dialect if provider else "openai",
        streaming=streaming,
        timeout=httpx.Timeout(read, connect=settings.MINIRAG_PROVIDER_CONNECT_TIMEOUT),
        max_bytes=settings.MINIRAG_PROVIDER_MAX_BYTES,
        deadline=time.monotonic() + total,
    )


def judge(target: Target, wire: Wire, error: Exception | None) -> MiniRAGError:
    """The failure of a call that went wrong: the wire's word first, then litellm's status."""
    if wire.failure is not None:
        return wire.failure
    if isinstance(error, TimeoutError):
        return AnswerLost(failures.TIMED_OUT)
    if not target.guarded and error is not None:
        return failures.of_vendor(error)
    if error is not None and not wire.sent:
        return ProviderMisconfigured(failures.NOT_CALLABLE)
    return AnswerLost(failures.CUT if error is None else failures.UNREADABLE)


def report(target: Target, failure: MiniRAGError, error: Exception | None) -> None:
    """One log line for the operator: names only, since vendors write keys into their texts."""
    kind = type(error).__name__ if error is not None else "-"
    log.warning("%s failed: %s (%s) [%s]", target.ref.full, failure.code, failure.message, kind)


class LiteLLMChatModel:
    """Any chat model that litellm can call, with one tenant's own credentials.

    Each call has its own connection through the egress guard, closed with the stream.
    """

    def __init__(self, model: str, credentials: Credentials) -> None:
        self.model = model
        self._credentials = credentials

    def count_tokens(self, text: str) -> int:
        """cl100k: exact for some models, close for the others."""
        return count_tokens(text)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
        """See ``ChatModel.stream``. Raises only ``minirag.errors`` exceptions."""
        target = resolve(self.model, self._credentials, "chat")
        if not vendor.is_loaded():
            await asyncio.to_thread(vendor.litellm)  # its import must not stop other streams
        call = self._new_call(target, request)
        problem: Exception | None = None
        try:
            await _open(call)
            while (text := await _next(call)) is not None:
                if text:
                    yield Delta(text)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  # litellm lets anything through; judged below
            problem = error
        finally:
            await _close(call)
        finish = _finish(call, problem)
        if isinstance(finish, Finish):
            yield finish
            return
        report(target, finish, problem)
        raise finish

    def _new_call(self, target: Target, request: ChatRequest) -> _Call:
        total = settings.MINIRAG_PROVIDER_TOTAL_TIMEOUT
        wire = new_wire(target, streaming=True, read=max(_limits()), total=total)
        http = None
        if target.guarded:
            guarded = egress.async_client("provider", timeout=wire.timeout)
            http = vendor.watched_async(guarded, wire)
        return _Call(target, request, wire, http, time.monotonic())


async def _open(call: _Call) -> None:
    target, request = call.target, call.request
    client = None
    if target.via is not None and call.http is not None:
        client = vendor.async_client(
            target.via, target.api_base, target.api_key, target.api_version, call.http
        )
    async with asyncio.timeout(call.patience()):
        call.source = await vendor.litellm().acompletion(
            messages=[{"role": turn.role, "content": turn.content} for turn in request.messages],
            stream=True,
            stream_options={"include_usage": True},
            temperature=request.temperature,
            max_tokens=request.max_output_tokens,
            timeout=settings.MINIRAG_PROVIDER_TOTAL_TIMEOUT,
            **target.arguments(client),
        )


async def _next(call: _Call) -> str | None:
    """The next piece of text ("" where there was none), None at the end."""
    if call.over:
        return None
    try:
        async with asyncio.timeout(call.patience()):
            text = await (_read(call) if call.reads_itself else _translated(call))
    except StopAsyncIteration:
        return None
    call.answering = True
    call.said.append(text)
    return text


async def _read(call: _Call) -> str:
    """What the next bytes of the wire say: events in OpenAI's form need no translation.

    litellm's own work on an event (models, copies, logs) is 300 us, this is 15.
    """
    body = call.wire.body
    assert body is not None
    text = call.wire.take_text()  # of bytes that the vendor's code has asked for already
    if not text:
        await anext(body)
        text = call.wire.take_text()
    call.over = call.wire.complete
    return text


async def _translated(call: _Call) -> str:
    """What litellm makes of the next event."""
    chunk = await anext(call.source)
    # litellm keeps every event until the end, for its own log.
    del call.source.chunks[:-1]
    # Going on after the last event would only make litellm count tokens that nobody asked for.
    call.over = call.wire.complete and _is_last(chunk)
    return _text(chunk)


def _text(chunk: Any) -> str:
    choices = chunk.choices
    content = choices[0].delta.content if choices else None
    return content if isinstance(content, str) else ""


def _is_last(chunk: Any) -> bool:
    # litellm gives a finish reason once, behind all text (the wire runs ahead of what it has read).
    return bool(chunk.choices) and chunk.choices[0].finish_reason is not None


async def _close(call: _Call) -> None:
    if call.source is not None:
        await call.source.aclose()
    if call.http is not None:
        await call.http.aclose()


def _finish(call: _Call, error: Exception | None) -> Finish | MiniRAGError:
    """The provider's own end, or the failure that its lack is."""
    wire = call.wire
    word = wire.finish
    if not call.target.guarded and error is None:
        # No wire here: this is what litellm read, before it makes a reason up.
        word = call.source.received_finish_reason or call.source.intermittent_finish_reason
    # A line that drops or sleeps after the provider's own finish takes nothing from the answer;
    # an event that litellm cannot read may have held text.
    harmless = error is None or wire.severed or isinstance(error, TimeoutError)
    if wire.failure is not None or not harmless or word is None:
        return judge(call.target, wire, error)
    reason = finish_reason(word)
    if reason is None:
        return AnswerLost(failures.CUT)
    return Finish(reason, _usage(call))


def _usage(call: _Call) -> TokenUsage:
    wire = call.wire
    if wire.input_tokens is not None and wire.output_tokens is not None:
        return TokenUsage(wire.input_tokens, wire.output_tokens)
    prompt = sum(count_tokens(turn.content) + _PER_MESSAGE for turn in call.request.messages)
    return TokenUsage(prompt + _PER_REPLY, count_tokens("".join(call.said)), estimated=True)
