"""XLSX through calamine: each sheet a heading, each table rows under its header.

Calamine lays a sheet out as one rectangle, so one cell far away would take all memory: where the
cells really stand is looked up before (``xlsx_rows``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder
from ingestion.parsing.number_formats import plain_number, shown_number
from ingestion.parsing.number_moments import shown_moment
from ingestion.parsing.ooxml import core_title
from ingestion.parsing.safe_zip import DAMAGED, SafeArchive
from ingestion.parsing.tables import add_table
from ingestion.parsing.xlsx_beside import Beside
from ingestion.parsing.xlsx_book import formats_of, sheet_parts
from ingestion.parsing.xlsx_rows import Places, places, sheets_of, written_anew
from minirag.errors import UnreadableSource

# Places of a sheet that merged cells may cover: a file may name any, as often as it likes.
_MOST_COVERED = 1_000_000

Cell = int | float | str | bool | time | date | datetime | timedelta


def parse_xlsx(data: bytes, limits: ContentLimits) -> Built:
    """Values as shown, sheet by sheet, each with its comments, text boxes and charts.

    Raises ``UnreadableSource``: damaged, locked, a bomb, or past the limits of rows and columns.
    """
    archive = SafeArchive(data, limits)
    filled = {name: places(archive, name, limits) for name in sheets_of(archive)}
    for name in archive.names():
        if name not in filled and name.startswith("xl/") and name.endswith(".xml"):
            for _ in archive.pieces(name):
                pass  # only counted: calamine inflates without asking
    rows = {name: found.rows for name, found in filled.items() if found.rows}
    far = {name: found for name, found in rows.items() if found[-1] > limits.rows}
    errors = {name for name, found in filled.items() if found.errors}
    if far or errors:
        # Counted from the start again: half of what may be read is no bomb for having an error.
        data = written_anew(SafeArchive(data, limits), far, errors)
        moved = SafeArchive(data, limits)
        filled |= {name: places(moved, name, limits) for name in far}
    reader = _Reader(archive, filled, limits)
    try:
        reader.read(CalamineWorkbook.from_filelike(BytesIO(data)))
    except (CalamineError, OSError, ValueError) as error:
        raise UnreadableSource(DAMAGED) from error
    return reader.builder.build(core_title(archive))


class _Reader:
    def __init__(
        self, archive: SafeArchive, filled: dict[str, Places], limits: ContentLimits
    ) -> None:
        self.builder = DocumentBuilder()
        self._archive = archive
        self._filled = filled
        self._limits = limits
        self._formats = formats_of(archive)
        self._left = limits.rows

    def read(self, workbook: CalamineWorkbook) -> None:
        parts = sheet_parts(self._archive)
        beside = Beside(self._archive, self.builder)
        for name in workbook.sheet_names:
            part = parts.get(name, "")
            self.builder.blank()
            self.builder.heading(name, 1, name)
            self.builder.blank()
            self._cells(workbook.get_sheet_by_name(name), self._filled.get(part.lower()))
            beside.add(part)
        beside.add_left()

    def _cells(self, sheet: CalamineSheet, known: Places | None) -> None:
        block: list[list[str]] = []
        for row in self._rows(sheet, known or Places([])):
            if any(row):
                self._left -= 1
                if self._left < 0:
                    raise UnreadableSource(f"There are more than {self._limits.rows:,} rows in it.")
                if len(row) > self._limits.columns:
                    raise UnreadableSource(
                        f"A sheet has more than {self._limits.columns:,} columns."
                    )
                block.append(row)
                continue
            _add_block(self.builder, block)
            block = []
        _add_block(self.builder, block)

    def _rows(self, sheet: CalamineSheet, known: Places) -> Iterator[list[str]]:
        """Rows of words; a merged cell stands in every row and column that it covers."""
        top, left = sheet.start or (0, 0)
        merged = _merged(sheet, top, left)
        words: dict[tuple[int, int], str] = {}
        for number, cells in enumerate(sheet.iter_rows()):
            row = [
                cell if isinstance(cell, str) else self._shown(
                    cell, known.style(number + top + 1, column + left + 1)
                )
                for column, cell in enumerate(cells)
            ]  # fmt: skip
            for column in range(len(row)) if merged else ():
                origin = merged.get((number, column))
                if origin == (number, column):
                    words[origin] = row[column]
                elif origin is not None and not row[column]:
                    row[column] = words.get(origin, "")
            yield row

    def _shown(self, cell: Cell, style: int) -> str:
        code = self._formats.get(style, "")
        if isinstance(cell, bool | str) or not code:
            return as_words(cell)
        if isinstance(cell, int | float):
            return shown_number(float(cell), code)
        return shown_moment(cell, code) or as_words(cell)


def _merged(sheet: CalamineSheet, top: int, left: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Places that a merged cell covers to the one that holds its words.

    One that would make them more than ``_MOST_COVERED`` covers none.
    """
    merged: dict[tuple[int, int], tuple[int, int]] = {}
    room = _MOST_COVERED
    for (first_row, first_column), (last_row, last_column) in sheet.merged_cell_ranges or ():
        rows = range(first_row - top, min(last_row - top, sheet.height - 1) + 1)
        columns = range(first_column - left, min(last_column - left, sheet.width - 1) + 1)
        if len(rows) * len(columns) > room:
            continue
        room -= len(rows) * len(columns) + 1
        for row in rows:
            for column in columns:
                merged[row, column] = (first_row - top, first_column - left)
    return merged


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
        return plain_number(cell)
    if isinstance(cell, datetime):
        midnight = cell.time() == time()
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    if isinstance(cell, timedelta):
        seconds = round(abs(cell.total_seconds()))
        sign = "-" if cell < timedelta() and seconds else ""
        words = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}"
        return f"{words}:{seconds % 60:02}" if seconds % 60 else words
    return str(cell)
