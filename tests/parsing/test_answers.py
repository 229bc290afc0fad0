"""What a child answers is believed only as far as it can be checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.chunking import ChunkSize
from ingestion.parsing.answers import BROKEN
from ingestion.parsing.answers import read_answer as read_bounded
from ingestion.parsing.document import ContentLimits
from minirag.errors import UnreadableSource
from minirag.tokens import count_tokens
from minirag.types import Cut, Heading, PageSpan, ParsedDocument

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


SIZE = ChunkSize(16, 0)
CUTS = [[0, 5, 1, []], [7, 11, 1, ["Title"]]]


def test_cuts_come_with_their_document() -> None:
    document = read_bounded(answer(cuts=CUTS), ContentLimits(), SIZE)
    assert document.cuts == (Cut(0, 5, 1), Cut(7, 11, 1, ("Title",)))
    assert read_bounded(answer(cuts=None), ContentLimits(), SIZE).cuts is None
    assert read_answer(answer(cuts=CUTS)).cuts is None, "nobody asked for them"


@pytest.mark.parametrize(
    "cuts",
    [
        {}, 3, [[0, 11, 1]], [[0, 11, 1, None]], [[0, 11, 1, "Title"]], [[0, 11, True, []]],
        [[0, 12, 1, []]], [[-1, 11, 1, []]], [[0, 0, 1, []], [0, 11, 1, []]],
        [[0, 11, 0, []]], [[0, 11, 17, []]], [[0, 11, 1, ["Other"]]], [[0, 11, 1, ["Title"] * 10]],
        [[0, 11, 1, []], [0, 11, 1, []]], [[0, 11, 1, []], [7, 9, 1, []]],
        [], [[0, 5, 1, []]], [[7, 11, 1, []]], [[0, 5, 1, []], [8, 11, 1, []]],
    ],
)  # fmt: skip
def test_cuts_that_do_not_hold_the_text_are_refused(cuts: Any) -> None:
    with pytest.raises(UnreadableSource) as caught:
        read_bounded(answer(cuts=cuts), ContentLimits(), SIZE)
    assert caught.value.message == BROKEN


def test_cuts_that_hold_the_text_many_times_are_made_anew() -> None:
    text = "word " * 400 + "end"
    many = [[n * 5, n * 5 + 100, 16, []] for n in range(380)] + [[1900, len(text), 16, []]]
    data = answer(text=text, headings=[], pages=[], cuts=many)
    assert read_bounded(data, ContentLimits(), ChunkSize(16, 8)).cuts is None
    with pytest.raises(UnreadableSource):  # no overlap was asked for
        read_bounded(data, ContentLimits(), SIZE)


def test_of_a_long_text_no_cuts_are_taken() -> None:
    text = "word " * 120_000 + "end"
    data = answer(text=text, headings=[], pages=[], cuts=[[0, len(text), 16, []]])
    with pytest.raises(UnreadableSource):
        read_bounded(data, ContentLimits(), SIZE)


def test_a_chunk_is_no_longer_than_its_tokens_can_be() -> None:
    for tokens in (2, 16):  # impossible; and not so
        data = answer(text="x" * 300, headings=[], pages=[], cuts=[[0, 300, tokens, []]])
        with pytest.raises(UnreadableSource):
            read_bounded(data, ContentLimits(), SIZE)
    text = "-" * 64 + " " + "-" * 64
    tokens = count_tokens(text)
    data = answer(text=text, headings=[], pages=[], cuts=[[0, len(text), tokens, []]])
    assert len(text) > 10 * tokens
    assert read_bounded(data, ContentLimits(), SIZE).cuts == (Cut(0, len(text), tokens),)
