"""What every ``Embedder`` keeps, run on each adapter; litellm's over the wire."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import pytest

from minirag.protocols import Embedder
from minirag.providers import local_embedder
from minirag.providers.fakes import FakeEmbedder
from minirag.providers.litellm_adapter import LiteLLMEmbedder
from tests.doubles.openai_server import OpenAIDouble
from tests.provider_fixtures import credentials

pytest_plugins = ["tests.provider_fixtures"]

TEXTS = [
    "The kettle boils water.",
    "Water is boiled by the kettle.",
    "Stock markets fell on Monday.",
    "",
    "naïve café 日本語 👩‍👩‍👧",
]


@pytest.fixture(params=["fake", "minilm", "litellm-sdk", "litellm-handler"])
def embedder(
    request: pytest.FixtureRequest, openai_double: OpenAIDouble, provider_limits: None
) -> Embedder:
    makers: dict[str, Callable[[], object]] = {
        "fake": FakeEmbedder,
        "minilm": local_embedder,
        "litellm-sdk": lambda: LiteLLMEmbedder("openai/double", credentials(openai_double)),
        "litellm-handler": lambda: LiteLLMEmbedder("voyage/double", credentials(openai_double)),
    }
    return cast(Embedder, makers[request.param]())


def test_one_unit_vector_per_text(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS, purpose="document").vectors
    assert vectors.shape == (len(TEXTS), embedder.dimensions())
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)


def test_texts_keep_their_order(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS, purpose="document").vectors
    alone = [embedder.embed([text], purpose="document").vectors[0] for text in TEXTS]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-4)


def test_alike_is_nearer_than_unlike(embedder: Embedder) -> None:
    first, alike, unlike, *_ = embedder.embed(TEXTS, purpose="document").vectors
    assert first @ alike > first @ unlike


def test_a_whole_batch_fits(embedder: Embedder) -> None:
    texts = [f"text {number}" for number in range(embedder.batch_limit)]
    embeddings = embedder.embed(texts, purpose="document")
    assert len(embeddings.vectors) == embedder.batch_limit
    assert embeddings.usage.input_tokens >= embedder.batch_limit


def test_usage_is_counted_exactly(embedder: Embedder) -> None:
    usage = embedder.embed(["one two three"], purpose="query").usage
    assert usage.input_tokens >= 3
    assert usage.output_tokens == 0
    assert not usage.estimated


def test_threads_may_share_it(embedder: Embedder) -> None:
    alone = embedder.embed(TEXTS, purpose="document").vectors
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: embedder.embed(TEXTS, purpose="document"), range(4)))
    for result in results:
        np.testing.assert_allclose(result.vectors, alone, atol=1e-4)


def test_tokens_grow_with_the_text(embedder: Embedder) -> None:
    assert embedder.count_tokens("one two") < embedder.count_tokens("one two " * 50)
