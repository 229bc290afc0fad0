"""CSV and TSV: the delimiter is found out, the header stays with its rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain, islice

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder
from ingestion.parsing.tables import add_table
from minirag.errors import UnreadableSource

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_SAMPLE = 64 * 1024
# A last row that no table has: a quote that is open there swallows it.
_END = "\ue000\uf8ff\ue000"
# Signs that are the decimal ones of numbers, not those between cells.
_DECIMAL = re.compile(r"(?<=\d),(?=\d)")


def parse_delimited(text: str, limits: ContentLimits, expected: str = ",") -> Built:
    """One table. Raises ``UnreadableSource`` past the limits of rows and columns."""
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter, text = first.strip()[-1], rest  # Excel's own way of telling
    else:
        delimiter = find_delimiter(text, expected)
    builder = DocumentBuilder()
    rows = bounded(_rows(text, delimiter), limits)
    begun = list(islice(rows, _SAMPLE_ROWS))
    titles = _titles(begun)
    for row in begun[:titles]:
        builder.line(" ".join(row))
    builder.blank()
    add_table(builder, chain(begun[titles:], rows))
    return builder.build()


def _titles(rows: list[Sequence[str]]) -> int:
    """How many of the first ``rows`` are words above a table: single cells, if most have more."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    above = next((at for at, count in enumerate(filled) if count > 1), 0)
    return above if 2 * sum(count > 1 for count in filled[above:]) > len(filled) else 0


def bounded(rows: Iterable[Sequence[str]], limits: ContentLimits) -> Iterator[Sequence[str]]:
    """``rows`` as long as they keep the limits. Raises ``UnreadableSource``."""
    for number, row in enumerate(rows):
        if number >= limits.rows:
            raise UnreadableSource(f"The table has more than {limits.rows:,} rows.")
        if len(row) > limits.columns:
            raise UnreadableSource(f"The table has more than {limits.columns:,} columns.")
        yield row


def find_delimiter(text: str, expected: str) -> str:
    """The sign that cuts most of the first rows into the same number of cells, more than one."""
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample.rpartition("\n")[0] or sample
    scores = {sign: _score(sample, sign) for sign in _DELIMITERS}
    decimal = "," in sample and "," not in _DECIMAL.sub("", sample)
    best = max(
        scores,
        key=lambda sign: (scores[sign], not (decimal and sign == ","), sign == expected),
    )
    return best if scores[best] > 0 else expected


def _score(sample: str, delimiter: str) -> float:
    widths = [len(row) for row in islice(_rows(sample, delimiter), _SAMPLE_ROWS) if row]
    if not widths:
        return 0.0
    width, times = Counter(widths).most_common(1)[0]
    return times / len(widths) if width > 1 else 0.0


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Rows with quotes obeyed; behind one that is never closed each line is a row of its own."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a cell may be a whole article
    sound = _sound_lines(text, delimiter)
    lines = StringIO(text, newline="")
    if sound is None:
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        return
    yield from csv.reader(islice(lines, sound), delimiter=delimiter, skipinitialspace=True)
    for line in lines:
        yield _row(line.rstrip("\r\n"), delimiter)


def _sound_lines(text: str, delimiter: str) -> int | None:
    """Lines before the row whose quote is open at the end; None where all are closed."""
    reader = csv.reader(
        chain(StringIO(text, newline=""), [_END]), delimiter=delimiter, skipinitialspace=True
    )
    sound, before, is_closed = 0, 0, False
    try:
        for row in reader:
            sound, before, is_closed = before, reader.line_num, row == [_END]
    except csv.Error:
        return before
    return None if is_closed else sound


def _row(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error:
        return line.split(delimiter)
