"""``Embedder`` over litellm."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from django.conf import settings

from minirag import egress
from minirag.errors import AnswerLost
from minirag.providers.litellm_adapter import failures, vendor
from minirag.providers.litellm_adapter.chat import judge, new_wire, report
from minirag.providers.litellm_adapter.target import Target, resolve
from minirag.providers.litellm_adapter.wire import Wire
from minirag.tokens import count_tokens, token_lengths
from minirag.types import Credentials, Embeddings, TokenUsage, Vector


class LiteLLMEmbedder:
    """Any embedding model that litellm can call, with one tenant's own credentials."""

    batch_limit = 128

    def __init__(self, model: str, credentials: Credentials) -> None:
        self.model = model
        self._credentials = credentials
        self._dimensions: int | None = None

    def dimensions(self) -> int:
        """Asked of the provider once, with one tiny call."""
        if self._dimensions is None:
            self.embed(["dimensions"], purpose="query")
        assert self._dimensions is not None
        return self._dimensions

    def count_tokens(self, text: str) -> int:
        """cl100k: exact for some models, close for the others."""
        return count_tokens(text)

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        """See ``Embedder.embed``. ``purpose`` changes nothing: no model here needs a prefix."""
        target = resolve(self.model, self._credentials, "embedding")
        vendor.litellm()  # its import is no part of the call's time
        total = settings.MINIRAG_PROVIDER_EMBED_TIMEOUT
        wire = new_wire(target, streaming=False, read=total, total=total)
        reply: Any = None
        problem: Exception | None = None
        try:
            reply = _call(target, wire, list(texts))
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  # litellm lets anything through; judged below
            problem = error
        vectors = _vectors(reply, len(texts)) if problem is None else None
        if vectors is None:
            unreadable = AnswerLost(failures.UNREADABLE)
            failure = judge(target, wire, problem) if problem is not None else unreadable
            report(target, failure, problem)
            raise failure
        self._dimensions = vectors.shape[1]
        return Embeddings(vectors, _usage(target, reply, texts))


def _call(target: Target, wire: Wire, texts: list[str]) -> Any:
    litellm = vendor.litellm()
    timeout = settings.MINIRAG_PROVIDER_EMBED_TIMEOUT
    if target.via is None:
        return litellm.embedding(input=texts, timeout=timeout, **target.arguments(None))
    with vendor.watched(egress.client("provider", timeout=wire.timeout), wire) as http:
        client = vendor.client(
            target.via, target.api_base, target.api_key, target.api_version, http
        )
        return litellm.embedding(input=texts, timeout=timeout, **target.arguments(client))


def _vectors(reply: Any, expected: int) -> Vector | None:
    """Rows in the order of the texts, of length 1; None for a reply that makes no sense."""
    try:
        items = sorted(reply.data, key=lambda item: int(item["index"]))
        if [int(item["index"]) for item in items] != list(range(expected)):
            raise ValueError
        rows = np.asarray([_row(item["embedding"]) for item in items], dtype=np.float32)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if rows.ndim != 2 or not rows.shape[1] or not np.isfinite(norms).all() or not norms.all():
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return None
    return np.asarray(rows / norms, dtype=np.float32)


def _row(embedding: object) -> Vector:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)


def _usage(target: Target, reply: Any, texts: Sequence[str]) -> TokenUsage:
    counted = getattr(getattr(reply, "usage", None), "prompt_tokens", None)
    provider = target.ref.provider
    if isinstance(counted, int) and counted > 0 and provider and provider.counts_embeddings:
        return TokenUsage(counted)
    return TokenUsage(sum(token_lengths(texts)), estimated=True)
