"""Rows of cells as lines of text that stay understandable when they are cut into passages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from ingestion.parsing.document import DocumentBuilder
from ingestion.parsing.table_header import looks_like_header

_JOINT = " | "
# Characters of rows under one header line: so many fit into the smallest passage in use.
_GROUP = 900
# A longer first row is no header but a layout's text.
_MOST_HEADER = 400
# Rows that tell whether the one above them is a header.
_LOOKED_AT = 50
# Columns that a cell may cover, and characters that covered places may add to one table.
_MOST_SPAN = 200
_MOST_REPEATED = 1_000_000


class Grid:
    """Rows of cells; a merged one stands in all the places that it covers.

    Spans are only numbers and a file may name any: past ``_MOST_REPEATED`` characters the places
    stay empty, and past ``_MOST_SPAN`` columns there are none.
    """

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._left = _MOST_REPEATED

    def start_row(self) -> None:
        self.rows.append([])

    @property
    def column(self) -> int:
        """Where the next cell would stand in its row."""
        return len(self.rows[-1])

    def add(self, text: str, wide: int = 1) -> None:
        """Add a cell that covers ``wide`` columns."""
        self.rows[-1].append(text)
        for _ in range(min(wide, _MOST_SPAN) - 1):
            self.rows[-1].append(self._repeated(text))

    def add_covered(self, *, above: bool, wide: int = 1) -> None:
        """Add a cell that the one ``above``, else the one before, goes on into."""
        row = self.rows[-1] if not above else self.rows[-2] if len(self.rows) > 1 else []
        column = self.column if above else self.column - 1
        self.add(self._repeated(row[column]) if 0 <= column < len(row) else "", wide)

    def _repeated(self, text: str) -> str:
        self._left -= len(text) + 1
        return text if self._left >= 0 else ""


def row_line(cells: Sequence[str]) -> str:
    """Cells as one line, ``a | b | | d``; empty ones at the end go."""
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return _JOINT.join(texts)


def add_table(
    builder: DocumentBuilder, rows: Iterable[Sequence[str]], *, header: bool | None = None
) -> None:
    """Add ``rows`` in groups, each a paragraph of its own under the header line again.

    ``header`` says whether the first row is one; None looks at those below it.
    """
    lines = iter(rows)
    first = list(next(lines, ()))
    if header is None:
        below = list(islice(lines, _LOOKED_AT))
        header = looks_like_header(first, below)
        lines = chain(below, lines)
    head = row_line(first)
    repeated = head if header and len(head) <= _MOST_HEADER else ""
    most = max(_GROUP, 3 * len(repeated))
    group, size = ([head] if head else []), 0
    for cells in lines:
        line = row_line(cells)
        if not line:
            continue
        if size and size + len(line) > most:
            builder.block("\n".join(group))
            group, size = ([repeated] if repeated else []), 0
        group.append(line)
        size += len(line)
    builder.block("\n".join(group))
