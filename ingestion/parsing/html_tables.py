"""Tables of a web page: each row made to stand alone."""

from __future__ import annotations

from copy import deepcopy

from lxml import etree
from lxml.html import HtmlElement

# What a cell may cover, and cells that are added to one table: spans are only numbers, and a page
# may name any.
_MOST_SPAN = 200
_MOST_ADDED = 5_000


def fill_spans(root: HtmlElement) -> None:
    """Repeat each cell that covers several rows or columns in all the places that it covers."""
    for table in list(root.iter("table")):
        if table.xpath(".//*[@rowspan or @colspan]") and not table.xpath(".//table"):
            _fill(table)
    for cell in root.iter("td", "th"):  # Trafilatura fills them too, without a limit
        cell.attrib.pop("rowspan", None)
        cell.attrib.pop("colspan", None)


def _fill(table: HtmlElement) -> None:
    hanging: dict[int, tuple[int, HtmlElement]] = {}  # column to (rows left, cell)
    left = _MOST_ADDED
    for row in table.iter("tr"):
        cells = [cell for cell in row.iterchildren(etree.Element) if cell.tag in ("td", "th")]
        placed: list[HtmlElement] = []
        while cells or len(placed) in hanging:
            column = len(placed)
            if column in hanging:
                rows, cell = hanging.pop(column)
                placed.append(deepcopy(cell))
                left -= 1
                if rows > 1:
                    hanging[column] = (rows - 1, cell)
            else:
                cell = cells.pop(0)
                wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
                for number in range(wide):
                    placed.append(deepcopy(cell) if number else cell)
                    if high > 1:
                        hanging[column + number] = (high - 1, placed[-1])
                left -= wide - 1
            if left < 0:
                return
        for cell in placed:
            cell.tail = None
            row.append(cell)  # moves those that stand there already


def _span(cell: HtmlElement, name: str) -> int:
    """The number of rows or columns, after which the cell is like any other."""
    value = str(cell.attrib.pop(name, "1")).strip()
    return max(1, min(_MOST_SPAN, int(value))) if value.isascii() and value.isdigit() else 1
