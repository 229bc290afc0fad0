"""Rows of cells as lines of text that stay understandable when they are cut into passages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from ingestion.parsing.document import DocumentBuilder

_JOINT = " | "
# Characters of rows under one header line: so many fit into the smallest passage in use.
_GROUP = 900
# A longer first row is no header but a layout's text.
_MOST_HEADER = 400


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

    ``header`` says whether the first row is one; None looks at the first two.
    """
    lines = iter(rows)
    first = list(next(lines, ()))
    if header is None:
        second = list(next(lines, ()))
        header = bool(second) and looks_like_header(first, second)
        lines = chain([second], lines)
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


def looks_like_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether ``first`` names columns: unlike the row below it where numbers stand."""
    numbers = [_is_number(cell) for cell in first]
    return not any(numbers) or numbers != [_is_number(cell) for cell in second]


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("+-$€£").replace(",", "").replace(".", "", 1).rstrip("%").isdigit()
