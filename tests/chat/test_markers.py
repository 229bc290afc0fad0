"""The marker filter: what comes out depends on the text, never on how it was cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.markers import MarkerFilter, PlacedMarker

KNOWN = frozenset({1, 2, 3})
PIECES = st.sampled_from(
    ["[1]", "[2", "]", "[9]", "[1, 2]", "[", " ", "\n", "`", "```", "~~~", "```py\n", "a", "word ",
     "[12", "3]", "[0, 1]", "  [7]", "``", ".", "é", "😀", "[ 3 ]", "[1,9]", "x[1]", "\ttab", "0"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(alphabet="[]1239, `~\na", max_size=80)


def run(pieces: list[str]) -> tuple[str, list[PlacedMarker]]:
    marker_filter = MarkerFilter(KNOWN)
    out = "".join([*(marker_filter.feed(piece) for piece in pieces), marker_filter.flush()])
    return out, marker_filter.placed


@given(TEXTS, st.lists(st.integers(0, 200), max_size=20))
@example("`" * 401 + "[9] " + "`" * 401, [1, 400, 401])
@example("```" + "x" * 500 + "\n[9]\n```\n[9]", [3, 450])
def test_any_cut_gives_the_same(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    cut = [text[start:end] for start, end in itertools.pairwise(places)]
    assert run(cut) == run([text]) == run(list(text))


@given(TEXTS)
def test_placed_markers_stand_where_they_say(text: str) -> None:
    out, placed = run([text])
    for marker in placed:
        assert out[marker.start : marker.end] == f"[{marker.marker}]"
        assert marker.marker in KNOWN


@given(st.text(alphabet="ab [].,0129", max_size=60))
def test_prose_keeps_no_marker_that_points_nowhere(text: str) -> None:
    out, _ = run([text])
    assert not any(f"[{number}]" in out for number in (9, 90, 99))


@pytest.mark.parametrize(
    ("text", "expected", "markers"),
    [
        ("Seven days [1].", "Seven days [1].", [1]),
        ("Seven days [9].", "Seven days.", []),
        ("Seven days[2][9][3]", "Seven days[2][3]", [2, 3]),
        ("Both [1, 3] say", "Both [1][3] say", [1, 3]),
        ("Both [1, 9] say", "Both [1] say", [1]),
        ("in [0, 1] only", "in [0, 1] only", []),
        ("`a[9]` is [1]", "`a[9]` is [1]", [1]),
        ("``a`[9]`` is", "``a`[9]`` is", []),
        ("a ` stray [9] tick", "a ` stray tick", []),
        ("```py\na[9]\n```\nb [9]", "```py\na[9]\n```\nb", []),
        ("~~~\n[9]\n```\n[9]\n~~~\n[1]", "~~~\n[9]\n```\n[9]\n~~~\n[1]", [1]),
        ("```\nnever closed [9]", "```\nnever closed [9]", []),
        ("ends [1", "ends [1", []),
        ("[" + "1" * 80 + "]", "[" + "1" * 80 + "]", []),
        ("nul\0 and \ud800", "nul and \ufffd", []),
        ("see [2](https://example.org)", "see [2](https://example.org)", [2]),
    ],
)
def test_by_example(text: str, expected: str, markers: list[int]) -> None:
    out, placed = run([text])
    assert out == expected
    assert [marker.marker for marker in placed] == markers


def test_nothing_is_held_back_longer_than_needed() -> None:
    marker_filter = MarkerFilter(KNOWN)
    assert marker_filter.feed("Hello [") == "Hello"
    assert marker_filter.feed("1") == ""
    assert marker_filter.feed("] and") == " [1] and"
    assert marker_filter.feed(" on") == " on"


@given(TEXTS, st.sampled_from([1, 2, 3]))
def test_numbers_inside_a_quote_are_no_markers(words: str, own: int) -> None:
    marker_filter = MarkerFilter(KNOWN)
    out = marker_filter.feed_quote(f"{words} [{own}]") + marker_filter.feed_quote("\n\nNext. [3]")
    assert [placed.marker for placed in marker_filter.placed] == [own, 3]
    for placed in marker_filter.placed:
        assert out[placed.start : placed.end] == f"[{placed.marker}]"


def test_a_quote_that_opens_a_fence_hides_no_later_marker() -> None:
    marker_filter = MarkerFilter(KNOWN)
    first = marker_filter.feed_quote("See [2] and [9].\n```sh\nls x[1] [1]")
    assert first == "See and.\n```sh\nls x[1] [1]"
    assert marker_filter.feed_quote("\n\nAs said [2]. [3]") == "\n\nAs said. [3]"
    assert [placed.marker for placed in marker_filter.placed] == [1, 3]


def test_a_quoting_model_marks_nothing_that_it_was_not_given() -> None:
    marker_filter = MarkerFilter(KNOWN)
    out = marker_filter.feed_quote("Words of a document. [2]")
    out += marker_filter.feed_quote(" Others. [9]")
    assert out == "Words of a document. [2] Others."
    assert [placed.marker for placed in marker_filter.placed] == [2]


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        (["a \ud83d", "\ude00 b"], "a \U0001f600 b"),
        (["\ud83d", "\0", "\ude00"], "\U0001f600"),
        (["\ud83d\ude00", "\ud83d", "", "\ude00"], "\U0001f600\U0001f600"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ude00", "\ud83d"], "a\ufffd\ufffd"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd\U0001f600"),
        (["\ufeffa\ud83d"], "\ufeffa\ufffd"),
    ],
)
def test_halves_of_a_character_meet_across_deltas(deltas: list[str], expected: str) -> None:
    out, _ = run(deltas)
    assert out == expected
