"""The local embedder: right vectors, nothing cut away, nothing imported, files checked."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from minirag.providers import local_embedder, minilm
from minirag.providers.minilm import WINDOW, MiniLMEmbedder

LONG = "The warehouse counts its stock every month. "


def test_it_ranks_like_the_model_it_is() -> None:
    """Cosines of sentence-transformers' all-MiniLM-L6-v2 for these texts, to int8's accuracy."""
    texts = [
        "A man is eating food.",
        "A man is eating a piece of bread.",
        "A cheetah runs behind prey.",
    ]
    first, second, third = local_embedder().embed(texts, purpose="document").vectors
    assert first @ second == pytest.approx(0.755, abs=0.03)
    assert abs(first @ third) < 0.2


def test_nothing_of_a_long_text_is_cut() -> None:
    embedder = local_embedder()
    filler = LONG * 80
    assert embedder.count_tokens(filler) > 2 * WINDOW
    plain, ended, query = embedder.embed(
        [
            filler,
            filler + "The secret recipe needs cinnamon and cardamom. " * 12,
            "cinnamon recipe",
        ],
        purpose="document",
    ).vectors
    assert ended @ query > plain @ query + 0.05


def test_a_question_of_any_length_is_answered_in_time() -> None:
    """Its beginning and its end are read: what is asked stands in one of them."""
    embedder = local_embedder()
    asked = "How much cinnamon does the secret recipe need? "
    filler = LONG * 700
    for text in (asked * 8 + filler, filler + asked * 8):
        answer = embedder.embed([text], purpose="query")
        assert answer.usage.input_tokens == 4 * (WINDOW - 2) + 2
        plain = embedder.embed([filler], purpose="query")
        about = embedder.embed([asked], purpose="query").vectors[0]
        assert answer.vectors[0] @ about > plain.vectors[0] @ about + 0.05
    short = LONG * 50
    whole = embedder.embed([short], purpose="document").vectors
    np.testing.assert_array_equal(whole, embedder.embed([short], purpose="query").vectors)


def test_windows_change_nothing_for_a_text_that_fits() -> None:
    embedder = local_embedder()
    short = LONG * 10
    assert embedder.count_tokens(short) <= WINDOW
    once = embedder.embed([short], purpose="document")
    assert once.usage.input_tokens == embedder.count_tokens(short)
    np.testing.assert_allclose(np.linalg.norm(once.vectors), 1.0, atol=1e-5)


def test_others_run_while_it_computes() -> None:
    """The interpreter stays free: a stream's loop must go on while a document is embedded."""
    embedder = local_embedder()
    embedder.warm_up()
    done = threading.Event()

    def work() -> None:
        embedder.embed([LONG * 25] * 6, purpose="document")
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    turns = 0
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    worker.join()
    assert turns > 20


@pytest.mark.parametrize("name", ["_VOCAB_SHA256", "_WEIGHTS_SHA256"])
def test_other_files_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, name, "0" * 64)
    with pytest.raises(RuntimeError, match="not the file"):
        MiniLMEmbedder().warm_up()


_NO_KEY_PATH = """
import asyncio, os, sys, uuid
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "minirag.settings"
from django.conf import settings
settings.MINIRAG_PROVIDERS
from minirag.providers import build_chat_model, build_embedder, validate_credentials, validate_model
from minirag.types import ChatRequest, ChatTurn, Credentials, Passage
validate_model("openai/gpt-4o"); validate_credentials("openai/gpt-4o", {"api_key": "x"})
ids = [uuid.uuid4() for _ in range(3)]
text = "The kettle has a warranty of three years."
vectors = build_embedder("local/minilm-l6-v2", Credentials()).embed([text], purpose="document")
found = Passage(1, *ids, "Kettle", text, 0, len(text), 0.5, 0.5)
question = "How long is the warranty?"
request = ChatRequest((ChatTurn("user", question),), question, (found,))
async def main():
    model = build_chat_model("local/extractive", Credentials())
    return [item async for item in model.stream(request)]
items = asyncio.run(main())
assert items[0].text == text + " [1]", items
build_chat_model("openai/gpt-4o", Credentials({"api_key": "x"}))
heavy = {"litellm", "openai", "torch", "transformers", "qdrant_client"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_path_without_a_key_never_imports_litellm() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NO_KEY_PATH],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
