"""Tables of a web page: each row made to stand alone."""

from __future__ import annotations

from copy import deepcopy

from lxml import etree
from lxml.html import HtmlElement

# What a cell may cover, and cells that are added to one table: spans are only numbers, and a page
# may name any.
_MOST_SPAN = 200
_MOST_ADDED = 5_000
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = (*_HEADINGS, "p", "div", "br", "hr", "li", "dt", "dd", "pre", "blockquote")


def fill_spans(root: HtmlElement) -> None:
    """Repeat each cell that covers several rows or columns in all the places that it covers."""
    for table in list(root.iter("table")):
        if table.xpath(".//*[@rowspan or @colspan]") and not table.xpath(".//table"):
            _fill(table)
    for cell in root.iter("td", "th"):  # Trafilatura fills them too, without a limit
        cell.attrib.pop("rowspan", None)
        cell.attrib.pop("colspan", None)


def open_layouts(root: HtmlElement) -> None:
    """Make tables that only place what is on the page boxes, and tables in cells words of these."""
    for table in list(root.iter("table")):
        if not _is_layout(table):
            continue
        for part in list(table.iter("tbody", "thead", "tfoot", "tr", "td", "th", "colgroup")):
            if next(part.iterancestors("table"), None) is table:
                part.tag = "div"
        table.tag = "div"
    for table in reversed(list(root.iter("table"))):  # the innermost first
        if next(table.iterancestors("td", "th"), None) is not None:
            _flatten(table)


def _is_layout(table: HtmlElement) -> bool:
    """Whether it is one of other tables or of headings, or has no row of several cells."""
    rows = [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]
    cells = [[one for one in row if one.tag in ("td", "th")] for row in rows]
    if any(one.tag == "th" for row in cells for one in row):
        return False
    if all(len(row) < 2 for row in cells) or next(table.iter(*_HEADINGS), None) is not None:
        return True
    outermost = table.xpath("./descendant::table[count(ancestor::table) = $depth]",
                            depth=1 + len(list(table.iterancestors("table"))))  # fmt: skip
    inside = sum(len(one.text_content()) for one in outermost)
    return inside > 0.5 * len(table.text_content())


def _flatten(table: HtmlElement) -> None:
    rows = (", ".join(filter(None, map(_words, row))) for row in table.iter("tr"))
    words = [*map(_words, table.iter("caption")), "; ".join(filter(None, rows))]
    for child in list(table):
        table.remove(child)
    table.tag, table.text = "div", ": ".join(filter(None, words))


def _words(cell: HtmlElement) -> str:
    """Words of a cell that is not needed any more; those of different blocks are kept apart."""
    for block in cell.iterdescendants(*_BLOCKS):
        block.text, block.tail = f" {block.text or ''}", f" {block.tail or ''}"
    return " ".join(cell.text_content().split())


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
