"""Every listed provider's traffic leaves through our client, and only through it.

The addresses are public-looking and the network blocker is on: a request by any other way fails.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from minirag import egress
from minirag.providers.catalog import PROVIDERS
from minirag.providers.litellm_adapter import LiteLLMChatModel, LiteLLMEmbedder
from minirag.types import Credentials, Delta, Finish
from tests.provider_fixtures import chat_request

KEY = "sk-CANARY-routes"
BASE = "https://llm.example.com/v1"


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _choice(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    }


OPENAI = (
    sse(
        _choice({"role": "assistant", "content": "Three "}, None),
        _choice({"content": "years."}, None),
        {
            **_choice({}, "length"),
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        },
    )
    + b"data: [DONE]\n\n"
)
ANTHROPIC = sse(
    {
        "type": "message_start",
        "message": {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "c",
            "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Three "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "years."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens"},
        "usage": {"output_tokens": 7},
    },
    {"type": "message_stop"},
)


def _part(text: str, **more: Any) -> dict[str, Any]:
    content = {"parts": [{"text": text}], "role": "model"}
    return {"candidates": [{"content": content, "index": 0, **more}]}


GEMINI = sse(
    _part("Three "),
    {
        **_part("years.", finishReason="MAX_TOKENS"),
        "usageMetadata": {
            "promptTokenCount": 11,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "totalTokenCount": 18,
        },
    },
)
STREAMS = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI}
CHAT = sorted(name for name, provider in PROVIDERS.items() if provider.chat)
EMBEDDING = sorted(name for name, provider in PROVIDERS.items() if provider.embedding)
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Puts clients that answer themselves in place of the guarded ones; what they were sent."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return _reply(request)

    def sync(use: str, **_: Any) -> httpx.Client:
        assert use == "provider"
        return httpx.Client(transport=httpx.MockTransport(answer))

    def asynchronous(use: str, **_: Any) -> httpx.AsyncClient:
        assert use == "provider"
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    monkeypatch.setattr(egress, "client", sync)
    monkeypatch.setattr(egress, "async_client", asynchronous)
    return seen


def _reply(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if "mbed" in path:
        rows = [{"object": "embedding", "index": i, "embedding": [3.0, 4.0]} for i in range(2)]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        values = [{"values": [3.0, 4.0]}] * 2
        body = {"object": "list", "data": rows, "model": "m", "usage": usage, "embeddings": values}
        json_type = {"content-type": "application/json"}
        return httpx.Response(
            200, headers=json_type, stream=httpx.ByteStream(json.dumps(body).encode())
        )
    dialect = "anthropic" if path.endswith("messages") else "openai"
    dialect = "gemini" if "streamGenerateContent" in path else dialect
    headers = {"content-type": "text/event-stream"}
    return httpx.Response(200, headers=headers, stream=_Events(STREAMS[dialect]))


class _Events(httpx.AsyncByteStream):
    """One event per read, as they come in life."""

    def __init__(self, data: bytes) -> None:
        self._events = [event + b"\n\n" for event in data.split(b"\n\n") if event]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield event


def _credentials(name: str, *, base: bool) -> Credentials:
    values = {"api_key": KEY}
    if base or PROVIDERS[name].api_base is None:
        values["api_base"] = BASE
    return Credentials(values)


def _assert_carried(request: httpx.Request, host: str) -> None:
    assert request.url.host == host
    carriers = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
    assert any(KEY in request.headers.get(name, "") for name in carriers)
    assert KEY not in str(request.url), "a key in an address ends in logs"


@pytest.mark.parametrize("own_base", [True, False])
@pytest.mark.parametrize("name", CHAT)
async def test_a_chat_leaves_through_the_guard(
    name: str, own_base: bool, outside: list[httpx.Request]
) -> None:
    model = LiteLLMChatModel(f"{name}/some-model", _credentials(name, base=own_base))
    items = [item async for item in model.stream(chat_request(max_output_tokens=20))]
    assert "".join(item.text for item in items if isinstance(item, Delta)) == "Three years."
    finish = items[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "length"
    assert (finish.usage.input_tokens, finish.usage.output_tokens) == (11, 7)
    assert not finish.usage.estimated
    assert len(outside) == 1
    given = None if own_base else PROVIDERS[name].api_base
    _assert_carried(outside[0], httpx.URL(given or BASE).host)


@pytest.mark.parametrize("own_base", [True, False])
@pytest.mark.parametrize("name", EMBEDDING)
def test_an_embedding_leaves_through_the_guard(
    name: str, own_base: bool, outside: list[httpx.Request]
) -> None:
    embedder = LiteLLMEmbedder(f"{name}/some-model", _credentials(name, base=own_base))
    embeddings = embedder.embed(["one", "two"], purpose="document")
    assert embeddings.vectors.ravel().tolist() == pytest.approx([0.6, 0.8] * 2)
    assert embeddings.usage.estimated == (not PROVIDERS[name].counts_embeddings)
    assert len(outside) == 1
    given = None if own_base else PROVIDERS[name].api_base
    _assert_carried(outside[0], httpx.URL(given or BASE).host)
