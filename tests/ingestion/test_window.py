"""A window's size follows the model's pace, within bounds; a round's calls end together."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from ingestion.pipeline import vectors
from ingestion.pipeline.index import Index
from ingestion.pipeline.plans import DocumentPlan
from ingestion.pipeline.vectors import Todo
from ingestion.pipeline.window import Window
from minirag.providers.fakes import FakeEmbedder


def plan(fresh: int = 10, text: str = "") -> DocumentPlan:
    return DocumentPlan(uuid4(), uuid4(), 1, text, (), fresh, None)


def documents_until_full(window: Window, most: int = 1000) -> int:
    """How many documents of ten new chunks it takes."""
    count = 0
    while not window.full and count < most:
        window.add(plan())
        count += 1
    assert len(window.take()) == count and not window.full
    return count


def test_windows_grow_while_they_pass_quickly_and_are_small_where_others_would_wait() -> None:
    window = Window(round_size=100)
    assert documents_until_full(window) == 10
    sizes: list[int] = []
    for seconds in (0.1, 0.1, 0.1, 0.1, 1.0, 5.0, 0.1):
        window.took(seconds, embedded=10 * (sizes or [10])[-1])
        sizes.append(documents_until_full(window))
    assert sizes == [20, 40, 80, 80, 80, 10, 20]


def test_what_needed_no_embedding_says_nothing_of_the_model() -> None:
    window = Window(round_size=100)
    window.took(0.1, embedded=99)
    assert documents_until_full(window) == 10


def test_documents_and_text_bound_it_whatever_is_new() -> None:
    window = Window(round_size=100)
    for _ in range(127):
        window.add(plan(fresh=0))
    assert not window.full
    window.add(plan(fresh=0))
    assert window.full and len(window.take()) == 128
    window.add(plan(fresh=0, text="x" * 8_000_000))
    assert window.full


@pytest.mark.parametrize("count", [1, 15, 17, 100, 256, 300])
def test_what_goes_out_together_takes_about_the_same_time(count: int) -> None:
    index = cast(Index, SimpleNamespace(parallel=2, embedder=FakeEmbedder(dimensions=2)))
    tokens = [1 + (n * 37) % 448 for n in range(count)]
    todo = [
        Todo(uuid4(), uuid4(), uuid4(), uuid4(), f"text {n}", f"{n}", size)
        for n, size in enumerate(tokens)
    ]
    rounds = list(vectors._rounds(index, todo))
    assert Counter(one.digest for batches in rounds for batch in batches for one in batch) == (
        Counter(one.digest for one in todo)
    ), "each text once"
    for batches in rounds:
        assert len(batches) <= 2 and all(0 < len(batch) <= 128 for batch in batches)
        sums = [sum(one.token_count for one in batch) for batch in batches]
        assert max(sums) - min(sums) <= max(tokens) or len(batches) == 1
