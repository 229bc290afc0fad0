"""Fixtures of the provider tests: the OpenAI double and limits short enough to wait for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from minirag.errors import (
    AnswerLost,
    MiniRAGError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from minirag.types import ChatRequest, ChatTurn, Credentials, Passage
from tests.doubles.openai_server import OpenAIDouble

KEY = "sk-CANARY-7f3a9b"
QUESTION = "How long is the warranty of the Aurora kettle?"
REFUSALS: dict[str, type[MiniRAGError]] = {
    "400": ProviderRejected,
    "401": ProviderMisconfigured,
    "402": ProviderRejected,
    "403": ProviderMisconfigured,
    "404": ProviderRejected,
    "408": ProviderUnavailable,
    "413": ProviderRejected,
    "422": ProviderRejected,
    "429": ProviderUnavailable,
    "500": ProviderUnavailable,
    "502": ProviderUnavailable,
    "503": ProviderUnavailable,
    "529": ProviderUnavailable,
    "redirect": ProviderMisconfigured,
    "html": ProviderUnavailable,
    # Whether these answers were charged cannot be known.
    "hang-headers": AnswerLost,
    "reset-headers": AnswerLost,
    "nothing": AnswerLost,
    "garbage": AnswerLost,
}
LEAVES = "The Aurora kettle has a warranty of three years. It boils a litre in two minutes."


@pytest.fixture(scope="session")
def openai_double() -> Iterator[OpenAIDouble]:
    """A running server; its history goes on growing, so look at its end."""
    with OpenAIDouble() as double:
        yield double


@pytest.fixture
def provider_limits(settings: Settings) -> None:
    """Loopback is open for providers, and nothing waits long."""
    settings.MINIRAG_EGRESS_ALLOW = ["provider:127.0.0.0/8"]
    settings.MINIRAG_PROVIDER_CONNECT_TIMEOUT = 2.0
    settings.MINIRAG_PROVIDER_FIRST_TOKEN_TIMEOUT = 2.0
    settings.MINIRAG_PROVIDER_TOKEN_TIMEOUT = 0.5
    settings.MINIRAG_PROVIDER_TOTAL_TIMEOUT = 6.0
    settings.MINIRAG_PROVIDER_EMBED_TIMEOUT = 0.8
    settings.MINIRAG_PROVIDER_MAX_BYTES = 1_200_000


def credentials(double: OpenAIDouble, key: str = KEY) -> Credentials:
    return Credentials({"api_key": key, "api_base": double.base_url})


def passage(text: str = LEAVES, marker: int = 1, title: str = "Warranty") -> Passage:
    ids = [uuid.uuid4() for _ in range(3)]
    return Passage(marker, ids[0], ids[1], ids[2], title, text, 0, len(text), 0.5, 0.5)


def chat_request(question: str = QUESTION, **more: object) -> ChatRequest:
    found = passage()
    turns = (ChatTurn("system", f"Answer from:\n[1] {found.text}"), ChatTurn("user", question))
    return ChatRequest(turns, question, (found,), **more)  # type: ignore[arg-type]


def assert_clean(
    double: OpenAIDouble, error: MiniRAGError, caplog: pytest.LogCaptureFixture
) -> None:
    """No socket left open, no canary and no path in what anybody may read."""
    assert double.idle.wait(3)
    for text in (error.message, str(error), repr(error), caplog.text):
        assert "CANARY" not in text
        assert "/srv/keys" not in text
        assert "127.0.0.1" not in text
    assert error.__cause__ is None
    assert error.__context__ is None, "a vendor's exception would travel along"
