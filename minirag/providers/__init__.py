"""Embedding and chat models by their model strings. Local ones are made once per process."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from minirag.protocols import ChatModel, Embedder
from minirag.providers.catalog import (
    LOCAL_MODELS,
    allowed_credential_keys,
    lacking_credential,
    validate_credentials,
    validate_model,
)
from minirag.providers.extractive import ExtractiveChatModel
from minirag.providers.fakes import FakeChatModel, FakeEmbedder
from minirag.providers.litellm_adapter import (
    LiteLLMChatModel,
    LiteLLMEmbedder,
    import_vendor,
)
from minirag.types import Credentials

if TYPE_CHECKING:
    from minirag.providers.minilm import MiniLMEmbedder

__all__ = [
    "allowed_credential_keys",
    "build_chat_model",
    "build_embedder",
    "fake_chat_model",
    "fake_embedder",
    "import_vendor",
    "lacking_credential",
    "local_embedder",
    "validate_credentials",
    "validate_model",
]


@lru_cache(maxsize=1)
def local_embedder() -> MiniLMEmbedder:
    """The process's MiniLM; its weights are loaded at first use."""
    # 35 MB of onnxruntime that whoever embeds elsewhere never pays.
    from minirag.providers.minilm import MiniLMEmbedder  # noqa: PLC0415

    return MiniLMEmbedder()


@lru_cache(maxsize=1)
def _extractive() -> ExtractiveChatModel:
    return ExtractiveChatModel(local_embedder())


@lru_cache(maxsize=1)
def fake_embedder() -> FakeEmbedder:
    """The process's ``fake/embedder``; ``fake_embedder.cache_clear()`` gives a fresh one."""
    return FakeEmbedder()


@lru_cache(maxsize=1)
def fake_chat_model() -> FakeChatModel:
    """The process's ``fake/chat``: enqueue on it what the next call shall answer."""
    return FakeChatModel()


def build_embedder(model: str, credentials: Credentials) -> Embedder:
    """The embedder behind a model string. Raises ``Invalid`` (field ``model``); calls nobody."""
    validate_model(model, "embedding")
    if model in LOCAL_MODELS["embedding"]:
        return local_embedder()
    return fake_embedder() if model.startswith("fake/") else LiteLLMEmbedder(model, credentials)


def build_chat_model(
    model: str, credentials: Credentials, embedder: Embedder | None = None
) -> ChatModel:
    """The chat model behind a model string. Raises ``Invalid`` (field ``model``); calls nobody.

    ``embedder`` scores sentences for ``local/extractive``; without one the local embedder does,
    so that an answer without a key never costs a call to the tenant's embedding provider.
    """
    validate_model(model, "chat")
    if model == ExtractiveChatModel.model:
        return ExtractiveChatModel(embedder) if embedder is not None else _extractive()
    return fake_chat_model() if model.startswith("fake/") else LiteLLMChatModel(model, credentials)
