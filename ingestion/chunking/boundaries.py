"""Where a text may be cut: blank lines, lines, sentences (CJK too), words, at last characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# Begun at the first of several marks only: a line of a hundred thousand dots is read once.
_SENTENCE = re.compile(
    "(?<![.!?…])[.!?…]++[\"'”’»)\\]]*+\\s+|[。！？；｡؟۔।॥]+[\"'”’»）」』】]*\\s*"
)
_BEGINNING = re.compile(f"{_SENTENCE.pattern}|\n+")
# Ends of lines that are compared for one cut.
_CANDIDATES = 8
_SPACE = re.compile(r"\s+")
_ZWJ = "\u200d"
# Emoji skin tones and regional indicators (two of these make one flag).
_TONES = ("\U0001f3fb", "\U0001f3ff")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")
# A cluster longer than this is no letter of any script: it is cut like anything else.
_LONGEST_CLUSTER = 32
# Flags in a row that are counted to know which two belong together.
_LONGEST_FLAGS = 2_048


# Where a line ends that is more than a wrapped one: what follows does not go on in lower case, or
# what stands before ends in a mark.
_LINE = re.compile("(?<=[.!?:;|。！？])\n|\n(?![a-z])")


def line_end(text: str, low: int, high: int) -> int:
    """Behind the first end of a line in ``[low, high)`` that is no wrapped one; -1 without."""
    # One character more: what follows a line's end decides whether it is one.
    match = _LINE.search(text, low, high + 1)
    return match.end() if match and match.end() <= high else -1


def last_break(text: str, low: int, high: int) -> int:
    """Behind the last blank line in ``[low, high)``, else the last line's end; -1 without."""
    return max(_breaks(text, low, high, 1), default=-1)


def topic_break(text: str, low: int, high: int, cohesion: Callable[[int], float]) -> int:
    """Of the blank lines in ``[low, high)``, else the lines' ends, the one with least ``cohesion``
    (the last of equals); -1 without.
    """
    breaks = _breaks(text, low, high, _CANDIDATES)
    if len(breaks) < 2:
        return max(breaks, default=-1)
    return min(breaks, key=lambda at: (cohesion(at), -at))


def _breaks(text: str, low: int, high: int, most: int) -> list[int]:
    """The last ``most`` of them, behind each; lines' ends only where there is no blank line."""
    found: list[int] = []
    at = text.rfind("\n\n", low, high)
    while at >= 0 and len(found) < most:
        found.append(at + 2)
        at = text.rfind("\n\n", low, at)
    if found:
        return found
    at = text.rfind("\n", low, high)
    while at >= 0 and len(found) < most:
        if _LINE.match(text, at):
            found.append(at + 1)
        at = text.rfind("\n", low, at)
    return found


def row_start(text: str, low: int, high: int) -> int:
    """Where the row of a table begins, behind ``low``, that ``high`` would cut; -1 without."""
    at = text.rfind("\n", low, high) + 1
    return at if at > low and text.startswith("|", at) else -1


def near_cut(text: str, low: int, target: int, high: int) -> int:
    """Where to cut running text in ``(low, high]``: a sentence's end nearest to ``target``, else a
    wrapped line's or a word's last end up to there, else the edge of a grapheme.
    """
    ends = [match.end() for match in _SENTENCE.finditer(text, low, high)]
    # A match cut off by ``high`` may be no sentence end ("3." of "3.5"): the next character tells.
    if ends and ends[-1] == high and not _stands(text, high):
        ends.pop()
    if ends:
        return min(ends, key=lambda end: abs(end - target))
    wrapped = text.rfind("\n", low, target)
    return wrapped + 1 if wrapped >= 0 else _word_cut(text, low, target)


def _stands(text: str, at: int) -> bool:
    return at >= len(text) or text[at - 1].isspace() or not text[at].isspace()


def _word_cut(text: str, low: int, high: int) -> int:
    for at in range(high, low, -1):
        if text[at - 1].isspace() or (at < len(text) and text[at].isspace()):
            return at
    return grapheme_edge(text, low, high)


def first_start(text: str, low: int, high: int) -> int:
    """The best place to begin an overlap in ``[low, high)``: a sentence, a word, a grapheme."""
    for pattern in (_BEGINNING, _SPACE):
        match = pattern.search(text, max(0, low - 1), high)
        if match and match.end() < high:
            return match.end()
    return grapheme_edge(text, low, high) if low < high else high


def grapheme_edge(text: str, low: int, at: int) -> int:
    """``at``, or the nearest place before it (but after ``low``) that splits no grapheme."""
    for candidate in range(at, max(low, at - _LONGEST_CLUSTER), -1):
        if not _inside_grapheme(text, candidate):
            return candidate
    return at


def _inside_grapheme(text: str, at: int) -> bool:
    if at <= 0 or at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    if after == _ZWJ or before == _ZWJ:
        return True
    if before == "\r" and after == "\n":
        return True
    if _TONES[0] <= after <= _TONES[1] or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    if _is_flag(before) and _is_flag(after):
        run = 0
        while at - 1 - run >= 0 and _is_flag(text[at - 1 - run]) and run < _LONGEST_FLAGS:
            run += 1
        return run % 2 == 1
    return False


def _is_flag(character: str) -> bool:
    return _FLAGS[0] <= character <= _FLAGS[1]
