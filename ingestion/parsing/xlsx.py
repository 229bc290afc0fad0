"""XLSX through calamine: each sheet a heading, each table rows under its header.

Calamine lays a sheet out as one rectangle, so one cell far away would take all memory: where the
cells really stand is looked up before (``xlsx_rows``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder
from ingestion.parsing.ooxml import below, chart_rows, core_title
from ingestion.parsing.safe_zip import DAMAGED, SafeArchive
from ingestion.parsing.tables import add_table
from ingestion.parsing.xlsx_rows import filled_rows, pulled_together, sheets_of
from minirag.errors import UnreadableSource

_CHART = re.compile(r"^xl/charts/chart[^/]*\.xml$")
_COMMENTS = re.compile(r"^xl/(?:comments[^/]*|comments/[^/]+)\.xml$")

Cell = int | float | str | bool | time | date | datetime | timedelta


def parse_xlsx(data: bytes, limits: ContentLimits) -> Built:
    """Values as shown, sheet by sheet, then charts and comments.

    Raises ``UnreadableSource``: damaged, locked, a bomb, or past the limits of rows and columns.
    """
    archive = SafeArchive(data, limits)
    filled = {name: filled_rows(archive, name, limits) for name in sheets_of(archive)}
    for name in archive.names():
        if name not in filled and name.startswith("xl/") and name.endswith(".xml"):
            for _ in archive.pieces(name):
                pass  # only counted: calamine inflates without asking
    if far := {name: found for name, found in filled.items() if found and found[-1] > limits.rows}:
        data = pulled_together(archive, far)
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


def _add_sheet(
    builder: DocumentBuilder,
    workbook: CalamineWorkbook,
    name: str,
    limits: ContentLimits,
    left: int,
) -> int:
    """Add the sheet; returns how many rows with anything in them it has."""
    sheet = workbook.get_sheet_by_name(name)
    builder.blank()
    builder.heading(name, 1, name)
    builder.blank()
    block: list[list[str]] = []
    count = 0
    for row in _filled(sheet):
        if any(row):
            count += 1
            if count > left:
                raise UnreadableSource(f"There are more than {limits.rows:,} rows in it.")
            if len(row) > limits.columns:
                raise UnreadableSource(f"A sheet has more than {limits.columns:,} columns.")
            block.append(row)
            continue
        _add_block(builder, block)
        block = []
    _add_block(builder, block)
    return count


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
    """A value as people write it: whole numbers without ``.0``, midnight without its time.

    A duration is in hours, of which a sheet adds up more than a day has: ``36:00``.
    """
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        midnight = cell.time() == time()
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    if isinstance(cell, timedelta):
        seconds = round(abs(cell.total_seconds()))
        sign = "-" if cell < timedelta() and seconds else ""
        words = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}"
        return f"{words}:{seconds % 60:02}" if seconds % 60 else words
    return str(cell)
