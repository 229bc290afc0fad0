"""Chunks: exact offsets, never over size, nothing lost, structure kept."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.chunking import chunk_text, embedding_text, splitter
from ingestion.chunking.boundaries import line_end
from minirag import tokens
from minirag.tokens import count_tokens
from minirag.types import Heading, PageSpan, ParsedDocument, TextChunk

WORDS = st.sampled_from(
    ["a", "the", "Wartung", "naïve", "3.5", "U.S.", "done.", "Really?", "你好。", "世界，很大",
     "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "e\u0301", "สวัสดี", "\n", "\n\n", "\r\n", "שלום עולם", "مرحبا بالعالم",
     "\u200f", "\u202e", "\ufeff", "\x1c", "\u2028",
     "antidisestablishmentarianism", "x" * 60, "|", "# "]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=300), st.lists(WORDS, max_size=400).map(" ".join), st.lists(WORDS).map("".join)
)


def check(text: str, chunks: list[TextChunk], size: int) -> None:
    covered = [False] * len(text)
    for ordinal, chunk in enumerate(chunks):
        assert chunk.ordinal == ordinal
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text.strip() == chunk.text != ""
        assert chunk.token_count == count_tokens(chunk.text)
        assert chunk.token_count <= size or len(chunk.text) == 1
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    lost = [c for c, kept in zip(text, covered, strict=True) if not kept and not c.isspace()]
    assert lost == []
    assert [c.end for c in chunks] == sorted({c.end for c in chunks})
    assert [c.start for c in chunks] == sorted({c.start for c in chunks})


@given(TEXTS, st.integers(16, 64), st.integers(0, 8))
@settings(max_examples=300, deadline=None)
def test_every_character_is_covered_at_exact_offsets_within_size(
    text: str, size: int, overlap: int
) -> None:
    check(text, chunk_text(text, size=size, overlap=overlap), size)


@given(TEXTS, st.integers(16, 64), st.integers(0, 32))
@settings(max_examples=150, deadline=None)
def test_no_overlap_is_longer_than_asked_for(text: str, size: int, overlap: int) -> None:
    overlap = min(overlap, size // 2)
    for before, after in pairwise(chunk_text(text, size=size, overlap=overlap)):
        shared = text[after.start : before.end]
        # A slice by itself may take one token more at either edge, and a cluster stays whole.
        assert after.start >= before.end or count_tokens(shared) <= overlap + 2 or len(shared) < 40
        assert overlap or after.start >= before.end


@given(TEXTS, st.data())
@settings(max_examples=150, deadline=None)
def test_any_headings_at_all_lose_nothing(text: str, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, max(len(text) - 1, 0)), max_size=8))
    headings = tuple(
        Heading(at, min(at + 3, len(text)), data.draw(st.integers(1, 4)), f"H{at}") for at in places
    )
    check(text, chunk_text(ParsedDocument(text, headings=headings), size=32, overlap=8), 32)


def marked(text: str) -> ParsedDocument:
    headings, at = [], 0
    for line in text.splitlines(keepends=True):
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            headings.append(Heading(at, at + len(line.rstrip()), level, line.strip("# \n")))
        at += len(line)
    return ParsedDocument(text, headings=tuple(headings))


def sentences(count: int, word: str = "Sensor") -> str:
    return " ".join(
        f"{word} number {i} reports its value to the base station." for i in range(count)
    )


def test_sections_are_not_mixed_and_know_their_path() -> None:
    text = (
        f"# Manual\n\n{sentences(20)}\n\n## Safety\n\n{sentences(20, 'Guard')}\n\n"
        f"## Care\n\n{sentences(20, 'Brush')}"
    )
    chunks = chunk_text(marked(text), size=512, overlap=64)
    assert [c.heading_path for c in chunks] == [
        ("Manual",), ("Manual", "Safety"), ("Manual", "Care"),
    ]  # fmt: skip
    assert chunks[1].text.startswith("## Safety")


def test_tiny_sections_go_together_but_not_over_a_top_heading() -> None:
    body = sentences(20)
    text = f"# One\n\n{body}\n\n## Note\n\nMind the gap.\n\n# Two\n\n## Inner\n\n{body}"
    chunks = chunk_text(marked(text))
    assert [c.text.split("\n")[0] for c in chunks] == ["# One", "# Two"]
    assert "Mind the gap." in chunks[0].text
    assert [c.heading_path for c in chunks] == [("One",), ("Two",)]


def test_a_list_of_tiny_answers_is_not_one_chunk_each() -> None:
    text = "\n\n".join(f"## Question {i}\n\nAnswer {i} is short." for i in range(60))
    chunks = chunk_text(marked(text))
    assert 2 <= len(chunks) <= 10
    assert all(c.token_count >= 64 for c in chunks)


def test_overlap_begins_at_a_sentence_and_stays_within_its_size() -> None:
    text = sentences(200)
    chunks = chunk_text(text, size=128, overlap=32)
    for before, after in pairwise(chunks):
        assert after.start < before.end
        assert text[after.start :].startswith("Sensor number")
        assert count_tokens(text[after.start : before.end]) <= 33
        assert before.text.endswith(".")


def test_overlap_falls_back_to_words() -> None:
    text = " ".join(f"word{i}" for i in range(2000))
    chunks = chunk_text(text, size=100, overlap=20)
    assert all(c.text.startswith("word") for c in chunks)
    assert all(a.start < b.end for b, a in pairwise(chunks))


def test_chinese_is_cut_at_its_own_full_stops() -> None:
    text = "今天的天气非常好，我们去公园散步。" * 100
    chunks = chunk_text(text, size=128, overlap=0)
    assert all(c.text.endswith("。") for c in chunks)


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧‍👦", "🇩🇪", "e\u0301\u0323", "👍🏽"])
def test_graphemes_stay_whole(cluster: str) -> None:
    for chunk in chunk_text(cluster * 200, size=64, overlap=8):
        assert chunk.text.replace(cluster, "") == ""


def test_a_table_is_cut_between_rows() -> None:
    text = "\n".join(f"| {i} | part {i} | in stock |" for i in range(300))
    assert all(c.text.startswith("|") and c.text.endswith("|") for c in chunk_text(text, size=128))


def test_pages_are_those_of_the_start() -> None:
    first, second = sentences(30), sentences(30, "Rotor")
    text = f"{first}\n\n{second}"
    pages = (PageSpan(0, len(first), 1), PageSpan(len(first) + 2, len(text), 2))
    chunks = chunk_text(ParsedDocument(text, pages=pages), size=400, overlap=0)
    assert [(c.page, c.text.split()[0]) for c in chunks][-1] == (2, chunks[-1].text.split()[0])
    assert chunks[0].page == 1


def test_a_chunk_knows_the_pages_that_begin_inside_it() -> None:
    text = "One okapi.\n\nTwo beds.\n\nThree quaggas."
    pages = (PageSpan(0, 10, 1), PageSpan(12, 21, 2), PageSpan(23, len(text), 3))
    (chunk,) = chunk_text(ParsedDocument(text, pages=pages))
    assert (chunk.page, chunk.page_breaks) == (1, ((12, 2), (23, 3)))
    many = chunk_text(ParsedDocument(text * 40, pages=pages), size=16, overlap=0)
    assert all(c.start < place < c.end for c in many for place, _ in c.page_breaks)
    assert sorted(page for c in many for _, page in c.page_breaks) in ([2], [3], [2, 3])


def test_nothing_comes_of_nothing() -> None:
    assert chunk_text("") == [] == chunk_text(" \n\n ")


@pytest.mark.parametrize(("size", "overlap"), [(4, 0), (512, 300), (512, -1), (100_000, 0)])
def test_impossible_sizes_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError):
        chunk_text("x", size=size, overlap=overlap)


def test_another_counter_rules() -> None:
    chunks = chunk_text(sentences(100), size=100, overlap=0, count=len)
    assert all(len(c.text) == c.token_count <= 100 for c in chunks)


def test_one_endless_word_is_cut() -> None:
    check("x" * 20_000, chunk_text("x" * 20_000, size=64, overlap=8), 64)


def test_the_path_is_for_embedding_only() -> None:
    assert embedding_text(("A", "B"), "text") == "A > B\ntext"
    assert embedding_text((), "text") == "text"


def test_a_row_of_a_table_is_whole_even_where_two_do_not_fit() -> None:
    cells = "a long cell. With a sentence in it. And another one, of some words more"
    text = "\n".join(f"| {i} | {cells} | {cells} |" for i in range(40))
    rows = text.split("\n")
    size = max(map(count_tokens, rows))
    assert [c.text for c in chunk_text(text, size=size, overlap=0)] == rows
    headed = chunk_text(f"| no | text |\n{text}", size=size, overlap=0)
    assert [c.text for c in headed] == ["| no | text |", *rows]


def test_a_wrapped_line_is_no_end_of_a_chunk() -> None:
    words = ("the sensor reports what it has found out to the nearest base. " * 200).split()
    lines = [" ".join(words[at : at + 11]) for at in range(0, len(words), 11)]
    for chunk in chunk_text("\n".join(lines), size=128, overlap=0):
        assert chunk.text.endswith("base.")


def test_a_long_paragraph_is_divided_by_itself() -> None:
    text = f"{sentences(4)}\n\n{sentences(16, 'Rotor')}\n\n{sentences(4, 'Guard')}"
    chunks = chunk_text(text, size=150, overlap=0)
    assert [{word for word in ("Sensor", "Rotor", "Guard") if word in c.text} for c in chunks] == [
        {"Sensor"}, {"Rotor"}, {"Rotor"}, {"Guard"},
    ]  # fmt: skip
    assert abs(chunks[1].token_count - chunks[2].token_count) <= 20


def test_a_chunk_ends_where_the_topic_changes() -> None:
    bread = [f"The sourdough wants flour, water and {i} hours of fermentation." for i in range(5)]
    bikes = [f"A derailleur moves the chain of {i} sprockets by a cable." for i in range(5)]
    chunks = chunk_text("\n\n".join([*bread, *bikes]), size=110, overlap=0)
    assert chunks[0].text.endswith("4 hours of fermentation.")
    assert chunks[1].text.startswith("A derailleur")


class Counted:
    """Counts what the tokeniser is given: the chunker's work, in characters."""

    def __init__(self, encode: object) -> None:
        self.characters = 0
        self._encode = encode

    def encode_ordinary(self, text: str) -> list[int]:
        self.characters += len(text)
        found: list[int] = self._encode.encode_ordinary(text)  # type: ignore[attr-defined]
        return found


@pytest.mark.parametrize(
    "line",
    ["word " * 1_000, "x" * 5_000,
     "今天的天气非常好，我们去公园散步。" * 300, "👩‍👩‍👧‍👦" * 500,
     " " * 5_000, "מה שלומך היום " * 350, "| a | b " * 600, "3.5" * 1_500, "\n" * 5_000,
     "a\n" * 2_500],
    ids=["words", "one", "chinese", "emoji", "blank", "hebrew", "cells", "digits", "lines",
         "short"],
)  # fmt: skip
def test_work_grows_with_the_text_and_not_with_its_square(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tokens._table()
    work = Counter[int]()
    for times in (1, 4):
        counted = Counted(table.encoding)
        monkeypatch.setattr(tokens, "_table", lambda c=counted: tokens._Table(c, table.lengths))
        chunk_text(line * times, size=128, overlap=16)
        work[times] = counted.characters
    assert work[4] <= 4.5 * work[1]
    assert work[1] <= 16 * len(line)


def test_a_block_without_an_end_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrapped lower-case lines end no block: looking for one must not read all the rest again."""
    line = "and so the wheel goes on without a stop\n"
    work = Counter[int]()
    for times in (500, 2_000):
        looked: list[int] = []

        def counted(text: str, start: int, end: int, looked: list[int] = looked) -> int:
            looked.append(end - start)
            return line_end(text, start, end)

        monkeypatch.setattr(splitter, "line_end", counted)
        chunk_text(line * times, size=128, overlap=16)
        work[times] = sum(looked)
    assert work[2_000] <= 4.5 * work[500]


@pytest.mark.long
def test_one_line_of_five_megabytes() -> None:
    text = " ".join(f"word{i}" for i in range(520_000))
    chunks = chunk_text(text, size=512, overlap=64)
    assert chunks[-1].end == len(text) > 5_000_000
    assert all(text[c.start : c.end] == c.text and c.token_count <= 512 for c in chunks)
    assert all(after.start <= before.end + 1 for before, after in pairwise(chunks))
