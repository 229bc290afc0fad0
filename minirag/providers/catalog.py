"""Which models may be named and which credential keys go with them. Kept by hand.

Checked here without importing litellm, so that the API can refuse a bad string in microseconds.
A provider stands in the table when a test proved that its every request leaves through the egress
guard; ``MINIRAG_PROVIDERS`` may switch on others, at the operator's own risk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import httpx
from django.conf import settings

from minirag.errors import Invalid

Kind = Literal["chat", "embedding"]
# How litellm takes our HTTP client for a provider: the OpenAI SDK's client or its own handler.
Via = Literal["sdk", "azure", "handler"]
Dialect = Literal["openai", "anthropic", "gemini"]

MAX_MODEL_LENGTH = 200
MAX_CREDENTIAL_LENGTH = 4096
LOCAL_MODELS: Mapping[Kind, frozenset[str]] = {
    "chat": frozenset({"local/extractive"}),
    "embedding": frozenset({"local/minilm-l6-v2"}),
}
FAKE_MODELS: Mapping[Kind, frozenset[str]] = {
    "chat": frozenset({"fake/chat"}),
    "embedding": frozenset({"fake/embedder"}),
}
_KEYS = frozenset({"api_key", "api_base"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]*", re.ASCII)
# Pieces of a model's name by which litellm leaves the named provider's route (replicate and the
# "ft:" completions by substring, the Responses API by prefix), and with it our HTTP client.
_STRAY = re.compile(r"replicate|clarifai|ft:babbage-002|ft:davinci-002|^responses/", re.IGNORECASE)
_EXAMPLES: Mapping[Kind, str] = {
    "chat": "openai/gpt-4o-mini",
    "embedding": "openai/text-embedding-3-small",
}
# Names that the field writes without a provider.
_BARE = (
    (re.compile(r"(gpt-|chatgpt-|o[134](-|$)|text-embedding-)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One supported provider. ``api_base`` is None where the tenant has to give it."""

    name: str
    api_base: str | None
    chat: Via | None = None
    embedding: Via | None = None
    dialect: Dialect = "openai"
    keys: frozenset[str] = _KEYS
    needs_key: bool = True
    # False where litellm makes the numbers up because the provider sends none.
    counts_embeddings: bool = True


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A checked model string. ``provider`` is None for one that ``MINIRAG_PROVIDERS`` opened."""

    provider_name: str
    name: str
    provider: Provider | None

    @property
    def full(self) -> str:
        return f"{self.provider_name}/{self.name}"


_TABLE = (
    Provider("openai", "https://api.openai.com/v1", "sdk", "sdk", keys=_KEYS | {"organization"}),
    Provider("azure", None, "azure", "azure", keys=_KEYS | {"api_version"}),
    Provider("anthropic", "https://api.anthropic.com", "handler", dialect="anthropic"),
    Provider(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        "handler",
        "handler",
        dialect="gemini",
        counts_embeddings=False,
    ),
    Provider("mistral", "https://api.mistral.ai/v1", "handler", "sdk"),
    Provider("groq", "https://api.groq.com/openai/v1", "handler"),
    Provider("deepseek", "https://api.deepseek.com/v1", "handler"),
    Provider("xai", "https://api.x.ai/v1", "handler"),
    Provider("openrouter", "https://openrouter.ai/api/v1", "handler", "handler"),
    Provider("together_ai", "https://api.together.xyz/v1", "handler", "sdk"),
    Provider("fireworks_ai", "https://api.fireworks.ai/inference/v1", "handler", "sdk"),
    Provider("perplexity", "https://api.perplexity.ai", "sdk"),
    Provider("cerebras", "https://api.cerebras.ai/v1", "sdk"),
    Provider("sambanova", "https://api.sambanova.ai/v1", "sdk", "handler"),
    Provider("nvidia_nim", "https://integrate.api.nvidia.com/v1", "sdk", "sdk"),
    Provider("deepinfra", "https://api.deepinfra.com/v1/openai", "sdk"),
    Provider("moonshot", "https://api.moonshot.ai/v1", "sdk"),
    Provider(
        "dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "sdk", "handler"
    ),
    Provider("nebius", "https://api.studio.nebius.ai/v1", "sdk", "sdk"),
    Provider("hosted_vllm", None, "handler", "handler", needs_key=False),
    Provider("lm_studio", None, "sdk", "handler", needs_key=False),
    Provider("voyage", "https://api.voyageai.com/v1", embedding="handler"),
    Provider("jina_ai", "https://api.jina.ai/v1", embedding="handler"),
)
PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in _TABLE}


def parse_model(model: str, kind: Kind = "chat") -> ModelRef:
    """Split and check a model string that is neither local nor fake. Raises ``Invalid``."""
    if len(model) > MAX_MODEL_LENGTH or not _NAME.fullmatch(model):
        raise Invalid.field("model", f"Not a model string such as {_EXAMPLES[kind]}.")
    provider_name, slash, name = model.partition("/")
    if not slash:
        provider_name, name = _bare_provider(model, kind), model
    provider = PROVIDERS.get(provider_name)
    if provider is None and provider_name not in settings.MINIRAG_PROVIDERS:
        raise Invalid.field("model", _unknown(provider_name))
    if not name or _STRAY.search(name):
        raise Invalid.field("model", "This model cannot be used here.")
    if provider is not None and getattr(provider, kind) is None:
        raise Invalid.field("model", f"{provider_name} offers no {kind} models here.")
    return ModelRef(provider_name, name, provider)


def provider_of(model: str, kind: Kind = "chat") -> str | None:
    """The provider that a model string names; None for a local or no longer known one."""
    if model.startswith(("local/", "fake/")):
        return None
    try:
        return parse_model(model, kind).provider_name
    except Invalid:
        return None


def validate_model(model: str, kind: Kind = "chat") -> None:
    """Raise ``Invalid`` (field ``model``) unless ``build_…`` will take the string."""
    if model in LOCAL_MODELS[kind] or (settings.MINIRAG_FAKES and model in FAKE_MODELS[kind]):
        return
    if model.startswith("local/"):
        names = ", ".join(sorted(LOCAL_MODELS[kind]))
        raise Invalid.field("model", f"Unknown local model; there is {names}.")
    parse_model(model, kind)


def allowed_credential_keys(model: str, kind: Kind = "chat") -> frozenset[str]:
    """Credential keys that go with ``model``; none for local models. Raises ``Invalid``."""
    validate_model(model, kind)
    if model.startswith(("local/", "fake/")):
        return frozenset()
    provider = parse_model(model, kind).provider
    # Without the guard in front, a tenant's own address stays out of the question.
    return provider.keys if provider else frozenset({"api_key"})


def validate_credentials(
    model: str, credentials: Mapping[str, object], kind: Kind = "chat"
) -> None:
    """Raise ``Invalid`` (field ``credentials``) for keys or values that ``model`` cannot take.

    Missing keys are no error here: a bot may be written before its key is at hand.
    """
    allowed = allowed_credential_keys(model, kind)
    for key, value in credentials.items():
        if key not in allowed:
            names = ", ".join(sorted(allowed)) or "no credentials"
            raise Invalid.field("credentials", f"Unknown key; this model takes {names}.")
        if not isinstance(value, str) or not value.strip():
            raise Invalid.field("credentials", f"{key} must be a text that is not empty.")
        if len(value) > MAX_CREDENTIAL_LENGTH or not value.isprintable():
            raise Invalid.field("credentials", f"{key} is too long or holds control characters.")
        if key == "api_base":
            _check_base(value)


def lacking_credential(
    model: str, credentials: Mapping[str, str], kind: Kind = "chat"
) -> Literal["api_base", "api_key"] | None:
    """What ``model`` cannot be called without and is not there yet. Raises ``Invalid``."""
    validate_model(model, kind)
    if model.startswith(("local/", "fake/")):
        return None
    provider = parse_model(model, kind).provider
    if provider is None:
        return None
    if provider.api_base is None and not credentials.get("api_base"):
        return "api_base"
    return "api_key" if provider.needs_key and not credentials.get("api_key") else None


def _check_base(value: str) -> None:
    try:
        url = httpx.URL(value)
        is_web = url.scheme in ("http", "https") and bool(url.host)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        is_web = False
    if not is_web:
        raise Invalid.field("credentials", "api_base must be an http or https address.")
    if url.userinfo or url.query or url.fragment or "\\" in value:
        raise Invalid.field("credentials", "api_base must be a plain address without extras.")


def _bare_provider(model: str, kind: Kind) -> str:
    for pattern, provider in _BARE:
        if pattern.match(model):
            return provider
    raise Invalid.field("model", f"Name the provider too, such as {_EXAMPLES[kind]}.")


def _unknown(provider: str) -> str:
    if provider.startswith("ollama"):
        return "Use openai/<model> with api_base http://HOST:11434/v1 for Ollama."
    return f"The provider {provider[:40]} is not switched on here."
