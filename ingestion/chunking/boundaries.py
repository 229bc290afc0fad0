"""Where a text may be cut: blank lines, lines, sentences (CJK too), words, at last characters."""

from __future__ import annotations

import re
import unicodedata

_SENTENCE = re.compile("[.!?…]+[\"'”’»)\\]]*\\s+|[。！？；｡؟۔।॥]+[\"'”’»）」』】]*\\s*|\n+")
_SPACE = re.compile(r"\s+")
_ZWJ = "\u200d"
# Emoji skin tones and regional indicators (two of these make one flag).
_TONES = ("\U0001f3fb", "\U0001f3ff")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")
# A cluster longer than this is no letter of any script: it is cut like anything else.
_LONGEST_CLUSTER = 32
# Flags in a row that are counted to know which two belong together.
_LONGEST_FLAGS = 2_048


def last_cut(text: str, low: int, high: int) -> int:
    """The best place to end a chunk in ``[low, high]``: the strongest boundary, the last of it.

    Falls back to ``high``, moved to the edge of a grapheme.
    """
    for mark in ("\n\n", "\n"):
        found = text.rfind(mark, low, high)
        if found >= 0:
            return found + len(mark)
    ends = [match.end() for match in _SENTENCE.finditer(text, low, high)]
    # A match cut off by ``high`` may be no sentence end ("3." of "3.5"): the next character tells.
    if ends and (ends[-1] < high or _stands(text, high)):
        return ends[-1]
    if len(ends) > 1:
        return ends[-2]
    return _word_cut(text, low, high)


def _stands(text: str, at: int) -> bool:
    return at >= len(text) or text[at - 1].isspace() or not text[at].isspace()


def _word_cut(text: str, low: int, high: int) -> int:
    for at in range(high, low, -1):
        if text[at - 1].isspace() or (at < len(text) and text[at].isspace()):
            return at
    return grapheme_edge(text, low, high)


def first_start(text: str, low: int, high: int) -> int:
    """The best place to begin an overlap in ``[low, high)``: a sentence, a word, a grapheme."""
    for pattern in (_SENTENCE, _SPACE):
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
