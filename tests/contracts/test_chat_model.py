"""What every ``ChatModel`` keeps, run on each adapter; litellm's over the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import cast

import pytest

from minirag.protocols import ChatModel
from minirag.providers.extractive import ExtractiveChatModel
from minirag.providers.fakes import FakeChatModel, FakeEmbedder
from minirag.providers.litellm_adapter import LiteLLMChatModel
from minirag.providers.minilm import MiniLMEmbedder
from minirag.types import Delta, Finish
from tests.doubles.openai_server import OpenAIDouble
from tests.provider_fixtures import chat_request, credentials

pytest_plugins = ["tests.provider_fixtures"]


@pytest.fixture(
    params=["fake", "extractive", "extractive-minilm", "litellm-sdk", "litellm-handler"]
)
def model(
    request: pytest.FixtureRequest, openai_double: OpenAIDouble, provider_limits: None
) -> ChatModel:
    makers: dict[str, Callable[[], object]] = {
        "fake": FakeChatModel,
        "extractive": lambda: ExtractiveChatModel(FakeEmbedder()),
        "extractive-minilm": lambda: ExtractiveChatModel(MiniLMEmbedder()),
        "litellm-sdk": lambda: LiteLLMChatModel("openai/double", credentials(openai_double)),
        "litellm-handler": lambda: LiteLLMChatModel("groq/double", credentials(openai_double)),
    }
    return cast(ChatModel, makers[request.param]())


async def test_a_stream_is_deltas_and_then_one_finish(model: ChatModel) -> None:
    items = [item async for item in model.stream(chat_request())]
    assert [type(item) for item in items[:-1]] == [Delta] * (len(items) - 1)
    assert items[:-1], "an answerable question gets an answer"
    finish = items[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "stop"


async def test_deltas_are_never_empty(model: ChatModel) -> None:
    items = [item async for item in model.stream(chat_request())]
    assert all(item.text for item in items if isinstance(item, Delta))


async def test_usage_counts_both_sides(model: ChatModel) -> None:
    *_, finish = [item async for item in model.stream(chat_request())]
    assert isinstance(finish, Finish)
    assert finish.usage.input_tokens > 0
    assert finish.usage.output_tokens > 0
    assert not finish.usage.estimated


async def test_the_same_model_answers_again(model: ChatModel) -> None:
    answers = [
        "".join(
            [item.text async for item in model.stream(chat_request()) if isinstance(item, Delta)]
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1] != ""


async def test_a_reader_may_leave_in_the_middle(model: ChatModel) -> None:
    stream = cast(AsyncGenerator[Delta | Finish, None], model.stream(chat_request()))
    first = await anext(stream)
    await stream.aclose()
    assert isinstance(first, Delta)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


def test_tokens_grow_with_the_text(model: ChatModel) -> None:
    assert (
        0
        <= model.count_tokens("")
        < model.count_tokens("one two")
        < model.count_tokens("a b " * 50)
    )


def test_it_says_its_name(model: ChatModel) -> None:
    assert "/" in model.model
