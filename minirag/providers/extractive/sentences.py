"""Splits a passage into quotable pieces: sentences, list items, table rows, lines of code.

Every piece is a slice of the text as it stands, so that a quote can be found again to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A longer piece is cut at a word: nobody reads a quote of a page.
LONGEST = 600
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_RULE = re.compile(r"[\s|:=_*+-]+$")
_ITEM = re.compile(r"\s*(?:[-*+•‣·]|\(?\d{1,3}[.)]|[a-z][.)])\s+\S")
# The lookbehinds keep a long run of one character from being tried at each of its places.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s)|(?<![。！？｡])[。！？｡]++[」』”’）]*+")
_NEXT = re.compile(r"\s+[\"'“‘«(\[*_`]*(?P<first>\S)")
_MARK = re.compile(r"(?<!\s)\s*+\[\d{1,3}\]")
_LAST_WORD = re.compile(r"[\w.]+$")
# Words whose full stop ends no sentence.
_SHORT = frozenset(
    re.findall(
        r"[\w.]+",
        "mr mrs ms dr prof st sr jr vs etc e.g i.e cf ca approx no nos vol fig figs eq sec ch pp p "
        "ed eds inc ltd co corp dept est al resp incl excl max min jan feb mar apr jun jul aug sep "
        "sept oct nov dec u.s u.k a.m p.m bzw z.b d.h usw nr bsp ggf",
    )
)


@dataclass(frozen=True, slots=True)
class Piece:
    """``passage[start:end] == text``. ``own_line`` for what reads badly inside a paragraph."""

    text: str
    start: int
    end: int
    own_line: bool = False


def pieces(passage: str) -> list[Piece]:
    """All quotable pieces in order; headings and rules only where there is nothing else."""
    found = [piece for piece in _pieces(passage) if piece.text]
    if found:
        return found
    whole = _piece(passage, 0, len(passage), own_line=False)
    return [whole] if whole.text else []


def _pieces(passage: str) -> Iterator[Piece]:
    for start, end, kind in _blocks(passage):
        if kind == "text":
            if not _is_title(passage, start, end):
                yield from _sentences(passage, start, end, own_line=False)
        elif kind == "item":
            yield from _sentences(passage, start, end, own_line=True)
        else:
            yield _piece(passage, start, end, own_line=True)


def _blocks(passage: str) -> Iterator[tuple[int, int, str]]:
    """Lines, with those of one paragraph together: (start, end, kind)."""
    position, opened, fenced = 0, -1, False
    for line in passage.splitlines(keepends=True):
        start, position = position, position + len(line)
        kind = "fence" if _FENCE.match(line) else "code" if fenced else _kind(line)
        fenced = fenced != (kind == "fence")
        if kind == "text":
            opened = start if opened < 0 else opened
            continue
        if opened >= 0:
            yield opened, start, "text"
            opened = -1
        if kind in ("item", "row", "code"):
            yield start, position, kind
    if opened >= 0:
        yield opened, position, "text"


def _kind(line: str) -> str:
    if not line.strip() or _HEADING.match(line) or _RULE.match(line):
        return "skip"
    if _ITEM.match(line):
        return "item"
    bare = line.strip()
    return "row" if bare.startswith("|") or "\t" in bare or " | " in bare else "text"


def _is_title(passage: str, start: int, end: int) -> bool:
    """One short line without a full stop and with text after it: a heading that lost its mark."""
    line = passage[start:end].strip()
    short = "\n" not in line and len(line) <= 80 and len(line.split()) <= 10
    return short and line[-1] not in '.!?…。！？:;,"”)' and bool(passage[end:].strip())


def _sentences(passage: str, start: int, end: int, *, own_line: bool) -> Iterator[Piece]:
    begin = start
    for match in _END.finditer(passage, start, end):
        if match.end() < end and _really_ends(passage, begin, match, end):
            yield _piece(passage, begin, match.end(), own_line=own_line and begin == start)
            begin = match.end()
    yield _piece(passage, begin, end, own_line=own_line and begin == start)


def _really_ends(passage: str, begin: int, match: re.Match[str], end: int) -> bool:
    if not match.group().startswith("."):
        return True
    following = _NEXT.match(passage, match.end(), end)
    if following is None or following["first"].islower():
        return False
    before = _LAST_WORD.search(passage, max(begin, match.start() - 20), match.start())
    word = before.group().lower() if before else ""
    initial = len(word) == 1 and word.isalpha()
    numbering = word.isdigit() and not passage[begin : match.start() - len(word)].strip()
    return not (initial or numbering or word in _SHORT)


def _piece(passage: str, start: int, end: int, *, own_line: bool) -> Piece:
    """Trim blanks and a row's outer bars, cut what is too long and what looks like a citation."""
    start, end = _without_marks(passage, start, end)
    outside = " \t\r\n|" if own_line else " \t\r\n"
    while start < end and passage[start] in outside:
        start += 1
    while end > start and passage[end - 1] in outside:
        end -= 1
    if end - start > LONGEST:
        blank = passage.rfind(" ", start, start + LONGEST)
        end = blank if blank > start else start + LONGEST
    return Piece(passage[start:end], start, end, own_line)


def _without_marks(passage: str, start: int, end: int) -> tuple[int, int]:
    """The longest stretch without ``[3]``: a source's own references are not citations of ours."""
    edges, position = [], start
    for match in _MARK.finditer(passage, start, end):
        edges.append((position, match.start()))
        position = match.end()
    edges.append((position, end))
    return max(edges, key=lambda edge: edge[1] - edge[0])
