"""Token counts: cl100k without a download, special tokens as plain text, exact places."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirag import tokens
from minirag.tokens import count_tokens, token_lengths, token_map


@pytest.mark.parametrize(
    ("text", "count"),
    # Counts of OpenAI's published cl100k_base.
    [
        ("", 0),
        ("hello world", 2),
        ("tiktoken is great!", 6),
        ("お誕生日おめでとう", 9),
        ("2 + 2 = 4", 7),
    ],
)
def test_known_counts(text: str, count: int) -> None:
    assert count_tokens(text) == count


def test_special_tokens_are_plain_text() -> None:
    assert count_tokens("<|endoftext|>") > 1
    assert count_tokens("a <|fim_prefix|> b") > 3


def test_threads_load_it_once() -> None:
    tokens._load.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(count_tokens, ["hello world"] * 8))
    assert counts == [2] * 8
    assert tokens._load.cache_info().misses == 1


def test_a_foreign_table_is_refused(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_TABLE_SHA256", "0" * 64)
    tokens._load.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="SHA-256"):
            count_tokens("hello")
    finally:
        monkeypatch.undo()
        tokens._load.cache_clear()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_places_are_exact(text: str) -> None:
    places = token_map(text)
    assert len(places) == count_tokens(text) == token_lengths([text])[0]
    ends = places.ends.tolist()
    assert ends == sorted(ends)
    assert (ends[-1] if ends else 0) == len(text)
    assert places.count(0, len(text)) == len(places)


def test_reach_and_count_agree() -> None:
    text = "The quick brown fox — 日本語 👩‍👩‍👧 — jumps over the lazy dog. " * 20
    places = token_map(text)
    start = 0
    pieces = []
    while start < len(text):
        end = places.reach(start, 16)
        assert start < end
        assert places.count(start, end) <= 16
        pieces.append(text[start:end])
        start = end
    assert "".join(pieces) == text


def test_lone_surrogates_do_no_harm() -> None:
    assert count_tokens("a\ud800b") >= 2
    assert token_map("a\ud800b").ends[-1] == 3


SLICED = st.lists(
    st.sampled_from(
        ["word", "It's", " ", "  ", "\n", "\n\n", "don't", "x", "é", "日本", "3.14", "...", "12345",
         "\u2028", "\x1c", "\t", "'LL", "👩‍👩‍👧", "I'm ", "(a) ", "naïve ", "plain words "]
    ), max_size=60,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(SLICED, st.integers(0, 400), st.integers(0, 400))
def test_a_slice_by_itself_is_counted_by_its_edges(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    while end > start and text[end - 1].isspace():
        end -= 1
    assert token_map(text).count_alone(start, end) == count_tokens(text[start:end])


def test_pieces_part_where_tokens_do(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "The quick brown fox isn't 12 345 years old — 日本語, is it? " * 40
    whole = token_map(text)
    monkeypatch.setattr(tokens, "_PIECE", 100)
    pieces = token_map(text)
    assert pieces.even
    assert pieces.ends.tolist() == whole.ends.tolist()
    assert pieces.ids.tolist() == whole.ids.tolist()


def test_without_such_a_place_a_slice_is_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "日本語の文章です。" * 60
    monkeypatch.setattr(tokens, "_PIECE", 100)
    places = token_map(text)
    assert not places.even
    assert places.count_alone(3, 250) == count_tokens(text[3:250])


def test_topical_tokens_are_those_on_either_side() -> None:
    text = "The carburettor of the motorcycle. The sourdough of the bakery."
    before, behind = token_map(text).topical(text.index(" The sour"), 50)
    assert before
    assert behind
    assert not before & behind  # "The", "of" and the full stop are too common to tell
