"""Splits a passage into quotable pieces: sentences, list items, table rows, blocks of code.

Every piece is a slice of the text as it stands, so that a quote can be found again to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from minirag.providers.extractive.blocks import Block, Kind, blocks

# A longer piece is cut at a word: nobody reads a quote of a page.
LONGEST = 600
_BULLET = re.compile(r"\s*[-*+•‣·]\s+")
# The lookbehinds keep a long run of one character from being tried at each of its places.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s)|(?<![。！？｡])[。！？｡]++[」』”’）]*+")
_NEXT = re.compile(r"\s+[\"'“‘«(\[*_`]*(?P<first>\S)")
_MARK = re.compile(r"(?<!\s)\s*+\[\d{1,3}\]")
_LAST_WORD = re.compile(r"[\w.]+$")
_COMPLETE = re.compile(r"[.!?…。！？｡:;][\"'”’»)\]*_」』）]*$")
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
    """``passage[start:end] == text``.

    ``header`` is the piece that names a row's columns. ``fragment`` marks what the passage's own
    edge cut off, or what is no statement by itself.
    """

    text: str
    start: int
    end: int
    kind: Kind = "text"
    header: Piece | None = None
    fragment: bool = False

    @property
    def own_line(self) -> bool:
        """Whether it reads badly inside a paragraph."""
        return self.kind != "text"

    @property
    def columns(self) -> int:
        """Cells of a table row."""
        return self.text.removeprefix("|").count("|") + 1


def pieces(passage: str) -> list[Piece]:
    """All quotable pieces in order; headings and rules only where there is nothing else."""
    found = [piece for block in blocks(passage) for piece in _pieces(passage, block) if piece.text]
    if found:
        return found
    whole = _piece(passage, 0, len(passage), "text")
    return [whole] if whole.text else []


def _pieces(passage: str, block: Block) -> Iterator[Piece]:
    if block.kind == "row":
        header = _piece(passage, *block.header, "row") if block.header else None
        yield _piece(passage, block.start, block.end, "row", header)
    elif block.kind == "code":
        yield from _code(passage, block)
    elif block.kind == "line":
        yield _piece(passage, block.start, block.end, "line", fragment=True)
    elif not _is_title(passage, block):
        yield from _sentences(passage, block)


def _code(passage: str, block: Block) -> Iterator[Piece]:
    """A block with its fences and the last line's end, or its lines where it cannot be whole."""
    text = passage[block.start : block.end]
    if text.endswith("\n") and len(text) <= LONGEST and not _MARK.search(text):
        yield Piece(text, block.start, block.end, "code")
        return
    position = block.start
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        if block.start < start and position < block.end:
            yield _piece(passage, start, position, "line", fragment=True)


def _is_title(passage: str, block: Block) -> bool:
    """One short line without a full stop and with text after it: a heading that lost its mark."""
    line = passage[block.start : block.end].strip()
    short = "\n" not in line and len(line) <= 80 and len(line.split()) <= 10
    if block.kind != "text" or not short or line[-1] in '.!?…。！？:;,"”)':
        return False
    return bool(passage[block.end :].strip())


def _sentences(passage: str, block: Block) -> Iterator[Piece]:
    begin, end = block.start, block.end
    for match in _END.finditer(passage, block.start, block.end):
        if match.end() < end and _really_ends(passage, begin, match, end):
            yield _sentence(passage, block, begin, match.end())
            begin = match.end()
    yield _sentence(passage, block, begin, end)


def _sentence(passage: str, block: Block, start: int, end: int) -> Piece:
    kind: Kind = block.kind if start == block.start else "text"
    piece = _piece(passage, start, end, kind)
    cut_before = not passage[: piece.start].strip() and piece.text[:1].islower()
    cut_after = not passage[piece.end :].strip() and not _COMPLETE.search(piece.text)
    if not (kind == "text" and (cut_before or cut_after)):
        return piece
    return Piece(piece.text, piece.start, piece.end, kind, fragment=True)


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


def _piece(
    passage: str,
    start: int,
    end: int,
    kind: Kind,
    header: Piece | None = None,
    *,
    fragment: bool = False,
) -> Piece:
    """Trim blanks, a bullet and a row's last bar; cut what is too long or looks like a citation."""
    start, end = _without_marks(passage, start, end)
    bullet = _BULLET.match(passage, start, end) if kind == "item" else None
    start = bullet.end() if bullet else start
    # A row's first bar stays where it is the mark of an empty first cell.
    before = " \t\r\n|" if kind == "row" and not _empty_first(passage, start, end) else " \t\r\n"
    after = " \t\r\n|" if kind == "row" else " \t\r\n"
    while start < end and passage[start] in before:
        start += 1
    while end > start and passage[end - 1] in after:
        end -= 1
    if end - start > LONGEST:
        blank = passage.rfind(" ", start, start + LONGEST)
        end = blank if blank > start else start + LONGEST
    return Piece(passage[start:end], start, end, kind, header, fragment)


def _empty_first(passage: str, start: int, end: int) -> bool:
    return re.match(r"\s*\|\s*\|", passage[start:end]) is not None


def _without_marks(passage: str, start: int, end: int) -> tuple[int, int]:
    """The longest stretch without ``[3]``: a source's own references are not citations of ours."""
    edges, position = [], start
    for match in _MARK.finditer(passage, start, end):
        edges.append((position, match.start()))
        position = match.end()
    edges.append((position, end))
    return max(edges, key=lambda edge: edge[1] - edge[0])
