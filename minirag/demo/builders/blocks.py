"""The small part of Markdown that the demo's sources use, read into blocks.

Headings, paragraphs, bullet and numbered lists and pipe tables; no inline markup. A full Markdown
library would be one more dependency for six files that we write ourselves, so anything else in a
source is refused instead of being rendered wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeadingBlock:
    """``level`` is 1 for the document's title."""

    level: int
    text: str

    @property
    def anchor(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.text.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class ListBlock:
    items: tuple[str, ...]
    numbered: bool


@dataclass(frozen=True, slots=True)
class Table:
    """``rows[0]`` is the head; every row has as many cells as it."""

    rows: tuple[tuple[str, ...], ...]


Block = HeadingBlock | Paragraph | ListBlock | Table

_HEADING = re.compile(r"(#{1,4}) (.+)")
_ITEM = re.compile(r"(?:-|(\d+)\.) (.+)")
_INLINE_MARKUP = re.compile(r"\*\*|__|`|\]\(|<[a-z]")


def parse_blocks(source: str) -> list[Block]:
    """Blocks of ``source`` in order. Raises ``ValueError`` for markup that is not supported."""
    if found := _INLINE_MARKUP.search(source):
        raise ValueError(f"Inline markup is not supported: {found.group()!r}")
    return [_block(lines) for lines in _groups(source)]


def title_of(blocks: list[Block]) -> str:
    """The text of the first block, which must be a heading of level 1."""
    first = blocks[0]
    if not isinstance(first, HeadingBlock) or first.level != 1:
        raise ValueError("A source begins with its title.")
    return first.text


def _groups(source: str) -> Iterator[list[str]]:
    for group in re.split(r"\n\s*\n", source.strip()):
        yield [line.strip() for line in group.splitlines()]


def _block(lines: list[str]) -> Block:
    heading = _HEADING.fullmatch(lines[0])
    if heading and len(lines) == 1:
        return HeadingBlock(level=len(heading[1]), text=heading[2])
    if lines[0].startswith("|"):
        return _table(lines)
    items = [_ITEM.fullmatch(line) for line in lines]
    if all(items):
        texts = tuple(item[2] for item in items if item)
        return ListBlock(items=texts, numbered=bool(items[0] and items[0][1]))
    if len(lines) > 1:
        raise ValueError(f"A paragraph is one line: {lines[0]!r}")
    return Paragraph(lines[0])


def _table(lines: list[str]) -> Table:
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    if len({len(row) for row in rows}) != 1 or set("".join(rows[1])) != {"-"}:
        raise ValueError(f"Not a regular table: {lines[0]!r}")
    return Table(rows=(rows[0], *rows[2:]))
