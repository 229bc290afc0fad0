"""Markdown and plain text. All but escapes stays as written; headings are found beside code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

from ingestion.parsing.document import Built, DocumentBuilder
from ingestion.parsing.front_matter import front_matter
from ingestion.parsing.markdown_escapes import (
    Formulas,
    Indented,
    hidden_escapes,
    shown_escapes,
    unescaped,
)
from ingestion.parsing.text import PIECE, normalized, split_lines, unix_lines

# Also on the line that begins a list item: the mark of a list, however deep, then the fence.
_FENCE = re.compile(
    r"^( {0,3}|[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,4}){1,8})(`{3,}(?=[^`]*$)|~{3,})"
)
_COMMENT = re.compile(r"^ {0,3}<!--")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]++(.*))?")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{3,})[ \t]*$")
_NO_SETEXT = re.compile(r"^(?: {4}|\t| {0,3}(?:[-*+>|#]|\d{1,9}[.)][ \t]))")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
# Longer lines are no headings, and would only give the patterns something to chew on.
_MAX_HEADING = 1_000
_MARKS = re.compile(
    r"`+|\*{1,3}|~~|(?<!\w)_{1,3}|_{1,3}(?!\w)|<[^>]{0,200}>|[ \t]*\{[#.:][^}]*\}\s*$"
)

# (start, end, level, title) of a heading
_Hidden = tuple[int, int, int, str]


def parse_text(pieces: Iterable[str]) -> Built:
    """Plain text, which may come in pieces: no structure but its lines."""
    return Built("".join(normalized(pieces)))


def parse_markdown(pieces: Iterable[str], title: str = "", *, formulas: bool = True) -> Built:
    """Markdown with ATX and setext headings; the title is the front matter's or the first h1.

    ``formulas`` is False where a dollar is one, and what stands behind it escaped as all else is.
    """
    rest = unix_lines(pieces)
    start = _start(rest)
    at, named = front_matter(start)
    builder = DocumentBuilder()
    _add_lines(builder, split_lines(chain([start[at:]], rest)), Formulas() if formulas else None)
    return builder.build(title or named)


def parse_cells(cells: Iterable[str]) -> Built:
    """Markdown in parts that stand alone: code or a comment that one leaves open ends with it."""
    builder = DocumentBuilder()
    named = ""
    for number, cell in enumerate(cells):
        text = "".join(unix_lines([cell]))
        at, named = front_matter(text) if not number else (0, named)
        builder.line(_add_lines(builder, split_lines([text[at:].rstrip("\n")]), Formulas()))
        builder.blank()
    return builder.build(named)


def _start(pieces: Iterator[str]) -> str:
    """Enough of ``pieces`` for all front matter, taken from them."""
    start = ""
    while len(start) < PIECE and (piece := next(pieces, None)) is not None:
        start += piece
    return start


def _add_lines(builder: DocumentBuilder, lines: Iterator[str], formulas: Formulas | None) -> str:
    """Feed ``lines`` one by one: indentation tells headings from code only before it is lost.

    Returns what would close the code that they end in, or "".
    """
    fence, inside = "", 0
    before = ""
    indented = Indented()
    hidden: list[_Hidden] | None = None  # headings in a comment that is not closed yet
    for line, after in pairwise(chain(lines, [""])):
        if fence and inside and line.strip() and _indent(line) < inside:
            fence = ""  # the list item is over, and its code with it
        if hidden is not None:
            hidden += _hidden(builder.line(line), line)
            hidden = None if "-->" in line else hidden
        elif fence:
            closing = line.strip()
            if len(closing) >= len(fence) and set(closing) == {fence[0]}:
                fence = ""
            builder.line(line)
        elif opened := _FENCE.match(line):
            fence = opened[2]
            inside = len(opened[1].expandtabs(4)) if opened[1].strip() else 0
            builder.line(line)
        elif _COMMENT.match(line):
            hidden = None if "-->" in line else []
            builder.line(line)
        elif indented.is_code(before, line) or (formulas and formulas.have(line)):
            builder.line(line)
        else:
            _plain_line(builder, before, line, after, formulas=formulas is not None)
        before = line
    for found in hidden or ():  # never closed: a sign like any other
        builder.mark_heading(*found)
    return fence


def _hidden(span: tuple[int, int] | None, line: str) -> Iterator[_Hidden]:
    atx = _atx(line) if len(line) <= _MAX_HEADING else None
    if span and atx:
        yield *span, *atx


def _indent(line: str) -> int:
    start = line[: len(line) - len(line.lstrip(" \t"))]
    return len(start.expandtabs(4))


def _plain_line(
    builder: DocumentBuilder, before: str, line: str, after: str, *, formulas: bool
) -> None:
    words = unescaped(line, formulas=formulas)
    if len(line) > _MAX_HEADING:
        builder.line(words)
        return
    if atx := _atx(line):
        builder.heading(words, *atx)
        return
    underline = _UNDERLINE.match(after)
    if underline and line.strip() and not before.strip() and not _NO_SETEXT.match(line):
        level = 1 if underline[1][0] == "=" else 2
        builder.heading(words, level, plain_title(line))
        return
    builder.line(words)


def _atx(line: str) -> tuple[int, str] | None:
    """(level, title) of a heading with signs before it, and perhaps behind it."""
    found = _ATX.fullmatch(line.rstrip(" \t"))
    if found is None:
        return None
    title = found[2] or ""
    words = title.rstrip("#")
    return len(found[1]), plain_title(title if words[-1:].strip(" \t") else words)


def plain_title(text: str) -> str:
    """A heading's words without their markup."""
    return shown_escapes(_MARKS.sub("", _LINK.sub(r"\1", hidden_escapes(text)))).strip()
