"""What a child answers is believed only as far as it can be checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.parsing.answers import BROKEN
from ingestion.parsing.answers import read_answer as read_bounded
from ingestion.parsing.document import ContentLimits
from minirag.errors import UnreadableSource
from minirag.types import Heading, PageSpan, ParsedDocument

GOOD: dict[str, Any] = {
    "text": "Title\n\nBody", "title": "Title", "headings": [[0, 5, 1, "Title"]],
    "pages": [[0, 11, 1]], "metadata": {"page_count": 1},
}  # fmt: skip


def read_answer(data: bytes) -> ParsedDocument:
    return read_bounded(data, ContentLimits())


def answer(**changes: Any) -> bytes:
    return json.dumps({"document": {**GOOD, **changes}}).encode()


def test_a_good_answer_becomes_a_document() -> None:
    document = read_answer(answer())
    assert document.text == "Title\n\nBody"
    assert document.headings == (Heading(start=0, end=5, level=1, title="Title"),)
    assert document.pages == (PageSpan(start=0, end=11, number=1),)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"document": 1}',
        b'{"document": {}, "unreadable": "x"}', b'{"unreadable": 3}',
        b'{"document": {"text": 1e999}}',
        answer(text=""), answer(text="a\x00b"), answer(text="a  b"), answer(text="a\ud800"),
        answer(text=["x"]), answer(title="a\nb"), answer(title="x" * 301), answer(title=None),
        answer(headings=[[0, 99, 1, "x"]]), answer(headings=[[-1, 3, 1, "x"]]),
        answer(headings=[[3, 1, 1, "x"]]), answer(headings=[[0, 1, 0, "x"]]),
        answer(headings=[[0, 1, 1, "x\x00"]]), answer(headings=[[0, 1, True, "x"]]),
        answer(headings=[[5, 6, 1, "x"], [0, 1, 1, "y"]]), answer(headings={"0": 1}),
        answer(headings=[[0, 1, 1]] ), answer(headings=[[0, 1, 1, "x"]] * 20_001),
        answer(pages=[[0, 5, 2], [5, 9, 1]]), answer(pages=[[0, 9, 1], [3, 11, 2]]),
        answer(pages=[[0, 5, 10**9]]), answer(pages=[[0.0, 5, 1]]),
        answer(metadata={"key": 1}), answer(metadata={"page_count": "1"}), answer(metadata=[]),
    ],
)  # fmt: skip
def test_a_broken_answer_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableSource) as caught:
        read_answer(data)
    assert caught.value.message == BROKEN


def test_the_words_of_a_child_are_cut_and_cleaned() -> None:
    with pytest.raises(UnreadableSource) as caught:
        read_answer(json.dumps({"unreadable": "bad\x00\n\n" + "x" * 900}).encode())
    assert caught.value.message.startswith("bad x") and len(caught.value.message) <= 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(GOOD)), json_values)
def test_any_value_anywhere_ends_in_a_document_or_a_refusal(field: str, value: Any) -> None:
    try:
        document = read_answer(answer(**{field: value}))
    except UnreadableSource:
        return
    assert all(0 <= h.start <= h.end <= len(document.text) for h in document.headings)
    assert all(0 <= p.start <= p.end <= len(document.text) for p in document.pages)
