"""Cuts a passage into blocks: paragraphs, list items, tables, lines of code, loose lines.

Texts come from Markdown, HTML, DOCX and PDF; what a PDF gives are bare lines, so that a table or a
heading is told from wrapped prose by where its lines end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "item", "row", "code", "line"]
_LineKind = Literal["text", "item", "row", "open", "code", "close", "gap", "rule", "skip"]
_BEGINS = frozenset({"text", "item", "row", "open", "code"})

HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_RULE = re.compile(r"[\s|:=_*+-]+$")
_ITEM = re.compile(r"\s*(?:[-*+•‣·]|\(?\d{1,3}[.)]|[a-z][.)])\s+\S")
_STOPPED = re.compile(r"[.!?…。！？:;,]['\"”’»)\]*_]*$")
# Prose has a sentence's end inside a line; a cell or a heading has not.
_INNER_END = re.compile(r"[.!?…]['\"”’»)\]]*\s+\S")
# A line that ends in one of these goes on.
_HANGING = re.compile(
    r"\b(?:a|an|the|and|or|of|in|on|at|to|for|from|by|with|over|under|than|as|is|are|be|that|which|"
    r"if|der|die|das|und|oder|von|im|mit|für|le|la|les|et|de|du|des)$",
    re.IGNORECASE,
)
# Lines of prose are about this wide at least; a longer one is no cell.
_LINE_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Block:
    """``passage[start:end]``. ``header`` is the place of a table's first row, for its other rows.

    ``hanging`` when the text stops there without a stop.
    """

    start: int
    end: int
    kind: Kind
    header: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str
    kind: _LineKind


def blocks(passage: str) -> list[Block]:
    """All blocks in order; headings, rules and fences are left out. Linear in time."""
    found: list[Block] = []
    group: list[_Line] = []
    for line in _lines(passage):
        if group and not _goes_on(group, line):
            found.extend(_of_group(group))
            group = []
        if group or line.kind in _BEGINS:
            group.append(line)
    found.extend(_of_group(group))
    return found


def _lines(passage: str) -> Iterator[_Line]:
    position, fenced = 0, False
    for whole in passage.splitlines(keepends=True):
        start, position = position, position + len(whole)
        text = whole.strip()
        if _FENCE.match(whole):
            yield _Line(start, position, text, "close" if fenced else "open")
            fenced = not fenced
        else:
            yield _Line(start, position, text, _kind(whole, text, fenced=fenced))


def _kind(line: str, text: str, *, fenced: bool) -> _LineKind:
    if fenced:
        return "code"
    if not text:
        return "gap"
    if HEADING.match(line):
        return "skip"
    if _RULE.match(line):
        return "rule"
    if _ITEM.match(line):
        return "item"
    return "row" if text.startswith("|") or "\t" in text or " | " in text else "text"


def _goes_on(group: Sequence[_Line], line: _Line) -> bool:
    """Whether ``line`` belongs to the block that ``group`` began."""
    first, last = group[0], group[-1]
    if first.kind in ("open", "code"):
        return line.kind in ("code", "close") and last.kind != "close"
    if first.kind == "row":
        return line.kind in ("row", "rule")
    if line.kind == "gap":
        # A page may end within a sentence: the next line tells.
        return last.kind in ("text", "item") and not _STOPPED.search(last.text)
    if line.kind != "text":
        return False
    if last.kind == "gap":
        return line.text[0].islower()
    return first.kind == "text" or not _STOPPED.search(last.text) or line.text[0].islower()


def _of_group(group: list[_Line]) -> Iterator[Block]:
    while group and group[-1].kind in ("gap", "rule"):
        group.pop()
    if not group:
        return
    kind = group[0].kind
    if kind == "row":
        yield from _rows([line for line in group if line.kind == "row"])
    elif kind == "open" and group[-1].kind == "close":
        yield Block(group[0].start, group[-1].end, "code")
    elif kind in ("open", "code"):
        code = [line for line in group if line.kind == "code"]
        yield from (Block(line.start, line.end, "line") for line in code if line.text)
    elif kind == "item":
        yield Block(group[0].start, group[-1].end, "item")
    elif kind == "text":
        yield from _paragraph([line for line in group if line.kind == "text"])


def _rows(lines: Sequence[_Line]) -> Iterator[Block]:
    """A table's rows know their header: the first row, where it has as many cells."""
    first = lines[0]
    cells = first.text.strip("|").count("|")
    if len(lines) == 1:
        yield Block(first.start, first.end, "row")
    for line in lines[1:]:
        headed = line.text.strip("|").count("|") == cells
        header = (first.start, first.end) if headed else None
        yield Block(line.start, line.end, "row", header)


def _paragraph(lines: Sequence[_Line]) -> Iterator[Block]:
    """Wrapped lines together; lines that end early by themselves."""
    width = _width(lines)
    begin = 0
    for at in range(len(lines)):
        if at + 1 < len(lines) and not _ends_early(lines[at].text, lines[at + 1].text, width):
            continue
        whole = lines[begin : at + 1]
        alone = begin > 0 or at + 1 < len(lines)
        loose = alone and not any(_says_something(line.text) for line in whole)
        yield Block(whole[0].start, whole[-1].end, "line" if loose else "text")
        begin = at + 1


def _says_something(line: str) -> bool:
    return bool(_STOPPED.search(line) or _INNER_END.search(line))


def _width(lines: Sequence[_Line]) -> int:
    """Where this paragraph's lines are wrapped, in characters."""
    longest = max(len(line.text) for line in lines)
    # Narrow lines that all begin anew are rows or headings, not a narrow column of prose.
    anew = sum(not line.text[0].islower() for line in lines)
    return max(longest, _LINE_WIDTH) if anew > 0.6 * len(lines) else longest


def _ends_early(line: str, following: str, width: int) -> bool:
    if following[0].islower():
        return False
    if _STOPPED.search(line):
        return line[-1] in ".!?" and _is_cell(following)
    word = following.split(maxsplit=1)[0]
    return _is_cell(line) and len(line) + 1 + len(word) < 0.8 * width


def _is_cell(line: str) -> bool:
    """Short, and neither a sentence nor part of one."""
    if len(line) > _LINE_WIDTH:
        return False
    return not any(sign.search(line) for sign in (_STOPPED, _HANGING, _INNER_END))
