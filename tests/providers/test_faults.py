"""Each way a provider can misbehave ends in its code, with the key nowhere and no socket left."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import cast

import pytest
from pytest_django import Settings

from minirag.errors import (
    AddressRefused,
    AnswerLost,
    MiniRAGError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from minirag.providers.litellm_adapter import LiteLLMChatModel, LiteLLMEmbedder
from minirag.types import Credentials, Delta, Finish
from tests.doubles.openai_server import OpenAIDouble
from tests.provider_fixtures import (
    KEY,
    QUESTION,
    REFUSALS,
    assert_clean,
    chat_request,
    credentials,
)

pytest_plugins = ["tests.provider_fixtures"]
pytestmark = pytest.mark.usefixtures("provider_limits")

WHOLE = f"You asked: {QUESTION} "
BREAKS = (
    "eof-0",
    "eof-1",
    "eof-4",
    "bytes-1",
    "bytes-310",
    "bytes-700",
    "hang-mid",
    "reset",
    "half-json",
    "error-frame",
    "no-finish",
    "only-usage",
    "failed",
    "odd-usage",
    "comments",
    "endless",
)


async def play(
    double: OpenAIDouble, fault: str, provider: str = "openai", key: str = KEY
) -> tuple[str, Finish]:
    model = LiteLLMChatModel(f"{provider}/fault-{fault}", credentials(double, key))
    text = ""
    async for item in model.stream(chat_request()):
        if isinstance(item, Finish):
            return text, item
        text += item.text
    raise AssertionError("the stream ended without a Finish")


@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_refused_chat(
    fault: str, openai_double: OpenAIDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = len(openai_double.history)
    with pytest.raises(MiniRAGError) as caught:
        await play(openai_double, fault)
    assert type(caught.value) is REFUSALS[fault]
    assert len(openai_double.history) - before == 1, "asked once, never again by itself"
    assert_clean(openai_double, caught.value, caplog)


@pytest.mark.parametrize(
    "provider",
    ["groq", *(pytest.param(name, marks=pytest.mark.long) for name in ("mistral", "hosted_vllm"))],
)
@pytest.mark.parametrize("fault", ["401", "429", "500", "reset-headers", "html"])
async def test_a_refused_chat_by_the_other_route(
    fault: str, provider: str, openai_double: OpenAIDouble, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(openai_double.history)
    with pytest.raises(MiniRAGError) as caught:
        await play(openai_double, fault, provider)
    assert type(caught.value) is REFUSALS[fault]
    assert len(openai_double.history) - before == 1
    assert_clean(openai_double, caught.value, caplog)


@pytest.mark.parametrize("provider", ["openai", pytest.param("groq", marks=pytest.mark.long)])
@pytest.mark.parametrize("fault", BREAKS)
async def test_a_stream_that_breaks_is_never_finished(
    fault: str, provider: str, openai_double: OpenAIDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(ProviderUnavailable) as caught:
        await play(openai_double, fault, provider)
    assert_clean(openai_double, caught.value, caplog)


@pytest.mark.parametrize("provider", ["openai", "groq"])
@pytest.mark.parametrize(
    "fault", ["no-usage", "zero-usage", "duplicate-final", "hang-end", "reset-end"]
)
async def test_oddities_behind_the_text_lose_none_of_it(
    fault: str, provider: str, openai_double: OpenAIDouble
) -> None:
    text, finish = await play(openai_double, fault, provider)
    assert (text, finish.reason) == (WHOLE, "stop")
    assert finish.usage.estimated == (fault in ("no-usage", "hang-end", "reset-end"))
    assert (finish.usage.input_tokens == 0) == (fault == "zero-usage")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("split-utf8", "Zürich 日本語 👩‍👩‍👧"),
        ("tags", "<s><|im_end|> </s><think>a</think><|"),
        ("big-chunk", "x" * 1_000_000),
        ("tiny-chunks", "---" * 1500),
        ("empty-answer", ""),
    ],
)
async def test_odd_texts_arrive_to_the_byte(
    fault: str, text: str, openai_double: OpenAIDouble
) -> None:
    assert (await play(openai_double, fault))[0] == text


@pytest.mark.parametrize(
    ("fault", "reason"), [("length", "length"), ("filter", "content_filter"), ("tools", "stop")]
)
async def test_the_reason_is_the_providers_own(
    fault: str, reason: str, openai_double: OpenAIDouble
) -> None:
    assert (await play(openai_double, fault))[1].reason == reason


async def test_the_stream_cut_at_every_event_is_never_complete_before_the_reason(
    openai_double: OpenAIDouble,
) -> None:
    events = len(WHOLE.split()) + 2  # the role, the words, the reason
    for number in range(events):
        with pytest.raises(ProviderUnavailable):
            await play(openai_double, f"eof-{number}")
    text, finish = await play(openai_double, f"eof-{events}")
    assert (text, finish.usage.estimated) == (WHOLE, True)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("429", None),
        ("429-retry", 7.0),
        ("429-absurd", 3600.0),
        ("429-negative", None),
        ("429-garbage", None),
        ("429-date", 0.0),
        ("503-retry", 11.0),
    ],
)
async def test_retry_after_is_bounded(
    fault: str, seconds: float | None, openai_double: OpenAIDouble
) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        await play(openai_double, fault)
    assert caught.value.retry_after == seconds


async def test_usage_is_the_providers_meter(openai_double: OpenAIDouble) -> None:
    _, finish = await play(openai_double, "none", key="sk-metered")
    meter = openai_double.meters["sk-metered"]
    assert meter.calls == 1
    assert finish.usage.input_tokens == meter.input_tokens
    assert finish.usage.output_tokens == meter.output_tokens


async def test_leaving_ends_the_providers_request(openai_double: OpenAIDouble) -> None:
    openai_double.hung_up.clear()
    model = LiteLLMChatModel("openai/fault-hang-mid", credentials(openai_double))
    stream = cast(AsyncGenerator[Delta | Finish, None], model.stream(chat_request()))
    await anext(stream)
    await stream.aclose()
    assert openai_double.hung_up.wait(2)


@pytest.mark.parametrize("values", [{}, {"api_key": ""}, {"api_key": "  "}])
async def test_without_a_key_nobody_is_called(
    values: dict[str, str], openai_double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-machine")
    before = len(openai_double.history)
    given = Credentials({**values, "api_base": openai_double.base_url})
    with pytest.raises(ProviderMisconfigured):
        await anext(aiter(LiteLLMChatModel("openai/double", given).stream(chat_request())))
    with pytest.raises(ProviderMisconfigured):
        LiteLLMEmbedder("openai/double", given).embed(["a"], purpose="query")
    assert len(openai_double.history) == before


async def test_the_machines_environment_steers_nothing(
    openai_double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/machine")
    assert (await play(openai_double, "none"))[0] == WHOLE
    assert openai_double.history[-1].key == KEY


async def test_an_address_that_is_not_open_is_refused(
    openai_double: OpenAIDouble, settings: Settings
) -> None:
    settings.MINIRAG_EGRESS_ALLOW = []
    before = len(openai_double.history)
    with pytest.raises(AddressRefused):
        await play(openai_double, "none")
    with pytest.raises(AddressRefused):
        LiteLLMEmbedder("voyage/x", credentials(openai_double)).embed(["a"], purpose="query")
    assert len(openai_double.history) == before


async def test_nobody_listens() -> None:
    given = Credentials({"api_key": KEY, "api_base": "http://127.0.0.1:9/v1"})
    with pytest.raises(ProviderUnavailable):
        await anext(aiter(LiteLLMChatModel("openai/x", given).stream(chat_request())))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("none", None),
        ("no-usage", None),
        ("401", ProviderMisconfigured),
        ("404", ProviderRejected),
        ("429", ProviderUnavailable),
        ("500", ProviderUnavailable),
        ("eof-3", AnswerLost),
        ("no-finish", AnswerLost),
        ("hang-mid", AnswerLost),
    ],
)
async def test_a_provider_that_the_operator_opened(
    fault: str,
    expected: type[MiniRAGError] | None,
    openai_double: OpenAIDouble,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has no wire of ours, and is addressed by the operator's environment, not by a tenant."""
    settings.MINIRAG_PROVIDERS = ["litellm_proxy"]
    monkeypatch.setenv("LITELLM_PROXY_API_BASE", openai_double.base_url)
    model = LiteLLMChatModel(f"litellm_proxy/fault-{fault}", Credentials({"api_key": KEY}))
    if expected is None:
        items = [item async for item in model.stream(chat_request())]
        assert "".join(item.text for item in items if isinstance(item, Delta)) == WHOLE
        assert isinstance(items[-1], Finish)
        return
    with pytest.raises(MiniRAGError) as caught:
        async for _ in model.stream(chat_request()):
            pass
    assert type(caught.value) is expected
    assert "CANARY" not in str(caught.value)
