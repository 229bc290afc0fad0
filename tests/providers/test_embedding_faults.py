"""Each way an embedding call can go wrong ends in its code, with the key nowhere."""

from __future__ import annotations

import logging

import pytest

from minirag.errors import AnswerLost, MiniRAGError
from minirag.providers.litellm_adapter import LiteLLMEmbedder
from tests.doubles.openai_server import OpenAIDouble
from tests.provider_fixtures import REFUSALS, assert_clean, credentials

pytest_plugins = ["tests.provider_fixtures"]
pytestmark = pytest.mark.usefixtures("provider_limits")


@pytest.mark.parametrize("model", ["openai/x", "voyage/x"])
@pytest.mark.parametrize("fault", [*REFUSALS, "half-json", "short", "zeros", "ragged", "nan"])
def test_a_failed_embedding(
    model: str, fault: str, openai_double: OpenAIDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = len(openai_double.history)
    name = f"{model.partition('/')[0]}/fault-{fault}"
    embedder = LiteLLMEmbedder(name, credentials(openai_double))
    with pytest.raises(MiniRAGError) as caught:
        embedder.embed(["one", "two"], purpose="document")
    assert type(caught.value) is REFUSALS.get(fault, AnswerLost)
    assert len(openai_double.history) - before == 1
    assert_clean(openai_double, caught.value, caplog)


def test_embeddings_in_another_order_or_without_usage(openai_double: OpenAIDouble) -> None:
    given = credentials(openai_double)
    texts = ["one", "two two", "three"]
    straight = LiteLLMEmbedder("openai/double", given).embed(texts, purpose="document")
    turned = LiteLLMEmbedder("openai/fault-reversed", given).embed(texts, purpose="document")
    assert (straight.vectors == turned.vectors).all()
    uncounted = LiteLLMEmbedder("openai/fault-no-usage", given).embed(texts, purpose="document")
    assert uncounted.usage.estimated
    assert uncounted.usage.input_tokens == 4
