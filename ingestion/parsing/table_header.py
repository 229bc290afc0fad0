"""Whether a table's first row names the columns, or is a row of values like those below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_NUMBER = re.compile(r"[-+$€£¥ ]{0,3}\d[\d.,]{0,40} ?[%$€£¥]?")
_YEAR = re.compile("(?:19|20)[0-9]{2}")
# What no column is named: a date, a time, an address, an identity.
_VALUES = (
    ("date", re.compile(
        r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{2,4})(?:[T ]+\d{1,2}:\S{2,20})?"
    )),
    ("time", re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?[AaPp][Mm])?")),
    ("address", re.compile(r"[^\s@]{1,100}@[^\s@]{1,100}\.[^\s@]{2,30}|https?://\S{1,2000}")),
    ("identity", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
                            r"|\d{1,3}(?:\.\d{1,3}){3}")),
)  # fmt: skip
_NAMED = frozenset(name for name, _ in _VALUES)
# Rows that have the same words in a column before these are no name of it.
_OFTEN = 2


def looks_like_header(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether ``first`` names the columns of the rows ``below``.

    It does unless it stands there as a value would: a date above dates, a word that its column has
    again and again. Numbers above numbers are values, unless they are years one after the other or
    words stand above other numbers.
    """
    if not any(below):
        return False
    named = again = numbers = 0
    years: set[int] = set()
    for column, cell in enumerate(first):
        cells = [row[column].strip() for row in below if column < len(row) and row[column].strip()]
        kind, usual = _kind(cell), _usual(cells)
        if kind == usual and kind in _NAMED:
            return False
        again += kind != "number" and cells.count(cell.strip()) >= _OFTEN
        numbers += kind == usual == "number"
        if usual == "number" and _YEAR.fullmatch(cell.strip()) and not _are_years(cells):
            years.add(int(cell))
        named += kind == "words" and usual not in ("words", "")
    if named or (len(years) > 1 and len(years) == max(years) - min(years) + 1):
        return True
    return not numbers and (not again or _again(first, below))


def _again(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the row itself stands below, as the header of a next page does."""
    return any(list(row) == list(first) for row in below)


def _are_years(cells: list[str]) -> bool:
    return 2 * sum(_YEAR.fullmatch(cell) is not None for cell in cells) > len(cells)


def _usual(cells: list[str]) -> str:
    """The kind that most of the cells are of; "" where there are none."""
    kinds = Counter(map(_kind, cells))
    kind, times = kinds.most_common(1)[0] if kinds else ("", 0)
    return kind if 2 * times > len(cells) else "words" if cells else ""


def _kind(cell: str) -> str:
    cell = cell.strip()
    if not cell:
        return ""
    if any(char.isdigit() for char in cell) or "@" in cell or "://" in cell:
        for name, pattern in _VALUES:
            if pattern.fullmatch(cell):
                return name
        if _NUMBER.fullmatch(cell):
            return "number"
    return "words"
