"""The one place where litellm is imported: at the first call, since it costs 2 s and 157 MB."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from importlib import import_module
from threading import Lock
from typing import Any

import httpx

from minirag.providers.catalog import Via
from minirag.providers.litellm_adapter.wire import AsyncWireTransport, Wire, WireTransport

_lock = Lock()
# For servers that want no key; the SDK refuses an empty one, litellm would read the environment.
NO_KEY = "none"
AZURE_API_VERSION = "2024-10-21"


@lru_cache(maxsize=1)
def _load() -> Any:
    # Read at import; without it litellm fetches its price list from the network.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm as module  # noqa: PLC0415  # 2 s and 157 MB that the no-key path never pays

    litellm: Any = module  # its settings are plain module attributes, untyped
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.callbacks = []
    # It takes 0 retries for "unset" where it embeds, and then uses this.
    litellm.DEFAULT_MAX_RETRIES = 0
    # Otherwise token counting fetches tokenizers for names that look like llama or cohere.
    litellm.disable_hf_tokenizer_download = True
    # It ends a stream that repeats one token a hundred times (a table's rule, say).
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = 10**9
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        # Its log lines hold prompts, keys and tracebacks; what matters is logged by our adapter.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    _warm_up(litellm)
    return litellm


def _warm_up(litellm: Any) -> None:
    """Its first call imports another second of code: here, on a thread, not in the event loop.

    Nothing is sent: the answer is litellm's own mock, which no tenant can ask for.
    """
    turns = [{"role": "user", "content": "x"}]
    mock = {"model": "openai/x", "api_key": NO_KEY, "mock_response": "x"}
    for _ in litellm.completion(messages=turns, stream=True, **mock):
        pass
    import_module("openai.resources.chat")
    import_module("openai.resources.embeddings")
    _async_handler()
    _handler()


def litellm() -> Any:
    """The litellm module, configured."""
    with _lock:
        return _load()


def is_loaded() -> bool:
    """Whether ``litellm`` returns at once."""
    return _load.cache_info().currsize > 0


def async_client(via: Via, base: str, key: str, version: str, http: httpx.AsyncClient) -> Any:
    """The object litellm accepts as ``client=``, sending through ``http`` alone."""
    if via == "handler":
        return _async_handler()(http)
    import openai  # noqa: PLC0415  # comes in with litellm, as late as it

    if via == "azure":
        return openai.AsyncAzureOpenAI(
            api_key=key, azure_endpoint=base, api_version=version, http_client=http, max_retries=0
        )
    return openai.AsyncOpenAI(api_key=key, base_url=base, http_client=http, max_retries=0)


def client(via: Via, base: str, key: str, version: str, http: httpx.Client) -> Any:
    """As ``async_client``, blocking."""
    if via == "handler":
        return _handler()(http)
    import openai  # noqa: PLC0415  # comes in with litellm, as late as it

    if via == "azure":
        return openai.AzureOpenAI(
            api_key=key, azure_endpoint=base, api_version=version, http_client=http, max_retries=0
        )
    return openai.OpenAI(api_key=key, base_url=base, http_client=http, max_retries=0)


@lru_cache(maxsize=1)
def _async_handler() -> Any:
    from litellm.llms.custom_httpx.http_handler import (  # noqa: PLC0415  # as late as litellm
        AsyncHTTPHandler,
    )

    class Handler(AsyncHTTPHandler):  # type: ignore[misc, unused-ignore]
        """It makes itself a new client after some errors: that one has to be ours too."""

        def __init__(self, http: httpx.AsyncClient) -> None:
            self._http = http
            super().__init__()

        def create_client(self, *_args: Any, **_kwargs: Any) -> httpx.AsyncClient:
            return self._http

    return Handler


@lru_cache(maxsize=1)
def _handler() -> Any:
    from litellm.llms.custom_httpx.http_handler import (  # noqa: PLC0415  # as late as litellm
        HTTPHandler,
    )

    class Handler(HTTPHandler):  # type: ignore[misc, unused-ignore]
        """As the asynchronous one."""

        def __init__(self, http: httpx.Client) -> None:
            self._http = http
            super().__init__()

        def create_client(self, *_args: Any, **_kwargs: Any) -> httpx.Client:
            return self._http

    return Handler


def watched_async(guarded: httpx.AsyncClient, wire: Wire) -> httpx.AsyncClient:
    """A client whose every byte goes through ``guarded`` and past ``wire``. Close it."""
    return httpx.AsyncClient(transport=AsyncWireTransport(guarded, wire), trust_env=False)


def watched(guarded: httpx.Client, wire: Wire) -> httpx.Client:
    """As ``watched_async``, blocking."""
    return httpx.Client(transport=WireTransport(guarded, wire), trust_env=False)
