"""XLSX through calamine: each sheet a heading, each table rows under its header.

Calamine lays a sheet out as one rectangle, so one cell far away would take all memory: where the
cells really stand is looked up before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from ingestion.parsing.delimited import bounded
from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder
from ingestion.parsing.ooxml import below, chart_rows, core_title
from ingestion.parsing.safe_zip import DAMAGED, SafeArchive
from ingestion.parsing.tables import add_table
from minirag.errors import UnreadableSource

_CELL = re.compile(rb'<(?:\w+:)?(?:c|row)\b[^>]{0,200}?\br="([A-Z]{0,3})(\d{1,7})"')
_SHEET = re.compile(r"^xl/worksheets/[^/]+\.xml$")
_CHART = re.compile(r"^xl/charts/chart[^/]*\.xml$")
_COMMENTS = re.compile(r"^xl/(?:comments[^/]*|comments/[^/]+)\.xml$")
_KEPT = 256

Cell = int | float | str | bool | time | date | datetime | timedelta


def parse_xlsx(data: bytes, limits: ContentLimits) -> Built:
    """Values as shown, sheet by sheet, then charts and comments.

    Raises ``UnreadableSource``: damaged, locked, a bomb, or past the limits of rows and columns.
    """
    archive = SafeArchive(data, limits)
    for name in archive.names():
        if _SHEET.match(name):
            _check_extent(archive, name, limits)
        elif name.startswith("xl/") and name.endswith(".xml"):
            for _ in archive.pieces(name):
                pass  # only counted: calamine inflates without asking
    builder = DocumentBuilder()
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(data))
        left = limits.rows
        for name in workbook.sheet_names:
            left -= _add_sheet(builder, workbook, name, limits, left)
    except (CalamineError, OSError, ValueError) as error:
        raise UnreadableSource(DAMAGED) from error
    for name in archive.names():
        if _CHART.match(name):
            title, rows = chart_rows(archive, name)
            builder.block(title)
            add_table(builder, rows, header=True)
        elif _COMMENTS.match(name):
            for comment in below(archive.tree(name), "comment"):
                builder.block("Comment: " + "".join(one.text or "" for one in below(comment, "t")))
    return builder.build(core_title(archive))


def _check_extent(archive: SafeArchive, part: str, limits: ContentLimits) -> None:
    """Raises ``UnreadableSource`` where cells stand further out than a table may be large."""
    rest = b""
    for piece in archive.pieces(part):
        seen = rest + piece
        for letters, digits in _CELL.findall(seen):
            if int(digits) > limits.rows:
                raise UnreadableSource(f"A sheet has more than {limits.rows:,} rows.")
            if _column(letters) > limits.columns:
                raise UnreadableSource(f"A sheet has more than {limits.columns:,} columns.")
        rest = seen[-_KEPT:]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _add_sheet(
    builder: DocumentBuilder,
    workbook: CalamineWorkbook,
    name: str,
    limits: ContentLimits,
    left: int,
) -> int:
    """Add the sheet; returns how many rows it has."""
    sheet = workbook.get_sheet_by_name(name)
    if sheet.height > left:
        raise UnreadableSource(f"There are more than {limits.rows:,} rows in it.")
    builder.blank()
    builder.heading(name, 1, name)
    builder.blank()
    block: list[list[str]] = []
    for row in bounded(_filled(sheet), limits):
        if any(row):
            block.append(list(row))
            continue
        _add_block(builder, block)
        block = []
    _add_block(builder, block)
    return int(sheet.height)


def _filled(sheet: CalamineSheet) -> Iterator[list[str]]:
    """Rows of words; a merged cell stands in every row and column that it covers."""
    merged: dict[tuple[int, int], tuple[int, int]] = {}
    top, left = sheet.start or (0, 0)
    width = sheet.width
    for (first_row, first_column), (last_row, last_column) in sheet.merged_cell_ranges or ():
        for row in range(first_row - top, min(last_row - top, sheet.height - 1) + 1):
            for column in range(first_column - left, min(last_column - left, width - 1) + 1):
                merged[row, column] = (first_row - top, first_column - left)
    words: dict[tuple[int, int], str] = {}
    for number, cells in enumerate(sheet.iter_rows()):
        row_words = [as_words(cell) for cell in cells]
        for column in range(len(row_words)):
            origin = merged.get((number, column)) if merged else None
            if origin == (number, column):
                words[origin] = row_words[column]
            elif origin is not None and not row_words[column]:
                row_words[column] = words.get(origin, "")
        yield row_words


def _add_block(builder: DocumentBuilder, block: list[list[str]]) -> None:
    """Rows between blank ones: titles of one cell, then a table."""
    at = 0
    while at < len(block) and len({cell for cell in block[at] if cell}) == 1:
        builder.line(next(cell for cell in block[at] if cell))
        at += 1
    if at < len(block):
        add_table(builder, _trimmed(block[at:]))


def _trimmed(rows: Sequence[list[str]]) -> list[list[str]]:
    """Without the columns on the left in which nothing stands."""
    first = min(next(place for place, cell in enumerate(row) if cell) for row in rows)
    return [row[first:] for row in rows]


def as_words(cell: Cell) -> str:
    """A value as people write it: whole numbers without ``.0``, midnight without its time."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        midnight = cell.time() == time()
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    return str(cell)
