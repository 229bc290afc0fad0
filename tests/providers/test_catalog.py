"""Model strings and credential keys: an allow-list, checked without litellm."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from minirag.errors import Invalid, MiniRAGError
from minirag.providers import (
    allowed_credential_keys,
    build_chat_model,
    build_embedder,
    validate_credentials,
    validate_model,
)
from minirag.providers.catalog import PROVIDERS, Kind
from minirag.types import Credentials


@pytest.fixture(autouse=True)
def _fakes_on(settings: Settings) -> None:
    settings.MINIRAG_FAKES = True


def field_of(error: MiniRAGError) -> str:
    assert error.fields is not None
    return next(iter(error.fields))


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("local/extractive", "chat"),
        ("local/minilm-l6-v2", "embedding"),
        ("fake/chat", "chat"),
        ("fake/embedder", "embedding"),
        ("openai/gpt-4o-mini", "chat"),
        ("gpt-4o-mini", "chat"),
        ("o3", "chat"),
        ("claude-sonnet-4-5", "chat"),
        ("text-embedding-3-small", "embedding"),
        ("openrouter/meta-llama/llama-3.3-70b-instruct:free", "chat"),
        ("azure/my-deployment", "chat"),
        ("voyage/voyage-3", "embedding"),
    ],
)
def test_good_models(model: str, kind: Kind) -> None:
    validate_model(model, kind)


@pytest.mark.parametrize(
    "model",
    [
        "",
        " ",
        "/",
        "openai/",
        "/gpt-4o",
        "local/unknown",
        "local/minilm-l6-v2",
        "fake/other",
        "ollama/llama3",
        "bedrock/anthropic.claude-3",
        "vertex_ai/gemini-pro",
        "sagemaker/x",
        "huggingface/x/y",
        "cohere_chat/command-r",
        "voyage/voyage-3",
        "mistral-large",
        "openai/gpt 4",
        "openai/gpt-4\n",
        "openai/responses/gpt-4o",
        "groq/my-Replicate-model",
        "openai/ft:davinci-002:x",
        "openai/" + "x" * 300,
        "OpenAI/gpt-4o",
        "../etc/passwd",
        "opénai/x",
    ],
)
def test_bad_chat_models(model: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate_model(model, "chat")
    assert field_of(caught.value) == "model"
    with pytest.raises(Invalid):
        build_chat_model(model, Credentials())


def test_fakes_are_off_without_the_setting(settings: Settings) -> None:
    settings.MINIRAG_FAKES = False
    for kind, model in (("chat", "fake/chat"), ("embedding", "fake/embedder")):
        with pytest.raises(Invalid):
            validate_model(model, kind)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        build_embedder("fake/embedder", Credentials())


def test_the_operator_may_open_another_provider(settings: Settings) -> None:
    settings.MINIRAG_PROVIDERS = ["bedrock"]
    validate_model("bedrock/anthropic.claude-3", "chat")
    # Nothing guards its traffic, so no tenant names its address.
    assert allowed_credential_keys("bedrock/anthropic.claude-3") == {"api_key"}
    with pytest.raises(Invalid):
        validate_model("vertex_ai/gemini-pro", "chat")


def test_local_models_take_no_credentials() -> None:
    assert allowed_credential_keys("local/extractive") == frozenset()
    validate_credentials("local/extractive", {})
    with pytest.raises(Invalid):
        validate_credentials("local/extractive", {"api_key": "x"})


@pytest.mark.parametrize(
    "credentials",
    [
        {"api_key": "sk-1"},
        {"api_key": "sk-1", "api_base": "https://llm.example.com/v1"},
        {"api_key": "sk-1", "organization": "org-1"},
        {},
    ],
)
def test_good_credentials(credentials: dict[str, object]) -> None:
    validate_credentials("openai/gpt-4o", credentials)


@pytest.mark.parametrize(
    "credentials",
    [
        {"api_key": ""},
        {"api_key": "   "},
        {"api_key": None},
        {"api_key": 7},
        {"api_key": ["sk"]},
        {"api_key": "x" * 5000},
        {"api_key": "sk-1\r\nX-Evil: 1"},
        {"api_base": "file:///etc/passwd"},
        {"api_base": "ftp://example.com"},
        {"api_base": "https://user:pass@example.com"},
        {"api_base": "https://example.com/?next=http://127.0.0.1"},
        {"api_base": "https://example.com/#x"},
        {"api_base": "example.com"},
        {"api_base": "https://"},
        {"api_base": "https://[::1"},
        {"api_version": "2024-10-21"},
        {"mock_response": "hello"},
        {"vertex_credentials": "/etc/passwd"},
        {"aws_role_name": "arn:x"},
        {"aws_sts_endpoint": "http://127.0.0.1"},
        {"proxy": "http://127.0.0.1"},
        {"ssl_verify": False},
        {"extra_headers": {}},
        {"base_url": "http://127.0.0.1"},
        {"": "x"},
    ],
)
def test_bad_credentials(credentials: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        validate_credentials("openai/gpt-4o", credentials)
    assert field_of(caught.value) == "credentials"
    assert "/etc/passwd" not in str(caught.value.fields)


def test_each_provider_takes_only_known_keys() -> None:
    known = {"api_key", "api_base", "api_version", "organization"}
    assert all(provider.keys <= known for provider in PROVIDERS.values())
    assert "api_version" in allowed_credential_keys("azure/x")
