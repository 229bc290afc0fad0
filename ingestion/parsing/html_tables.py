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
# What no cell of plain values holds, and characters that such have at most, on average.
_STRUCTURE = (*_HEADINGS, "ul", "ol", "dl", "pre", "blockquote", "table", "form", "iframe")
_SHORT = 120
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
    """Make tables that only place what is on the page boxes, and tables in cells words of these.

    Of those that are tables the caption is a line of its own, whatever it was written as.
    """
    for table in list(root.iter("table")):
        if not _is_layout(table):
            for heading in list(table.iterfind("caption//*")):
                heading.tag = "span" if heading.tag in _HEADINGS else heading.tag
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
    if any(one.tag == "th" for row in cells for one in row) or table.find("thead/tr") is not None:
        return False
    if all(len(row) < 2 for row in cells):
        return True
    if any(next(one.iter(*_HEADINGS), None) is not None for row in cells for one in row):
        return not _has_named_values([row for row in cells if row])
    outermost = table.xpath("./descendant::table[count(ancestor::table) = $depth]",
                            depth=1 + len(list(table.iterancestors("table"))))  # fmt: skip
    inside = sum(len(one.text_content()) for one in outermost)
    return inside > 0.5 * len(table.text_content())


def _has_named_values(rows: list[list[HtmlElement]]) -> bool:
    """Whether the headings in these cells only name columns or rows, and short values stand there.

    Else they are headings of what is placed below or beside them.
    """
    corner, *above = rows[0]
    beside = [row[0] for row in rows[1:]]
    named = {
        *(above if any(map(_is_name, above)) else ()),
        *(beside if any(map(_is_name, beside)) else ()),
    }
    if not named or not all(_is_name(one) or _is_empty(one) for one in named):
        return False
    named |= {corner} if _is_name(corner) else set()
    values = [one for row in rows for one in row if one not in named and not _is_empty(one)]
    if any(next(one.iter(*_STRUCTURE), None) is not None for one in values):
        return False
    return 0 < sum(len(one.text_content()) for one in values) <= _SHORT * len(values)


def _is_name(cell: HtmlElement) -> bool:
    """Whether there is a heading in it and nothing else."""
    found = next(cell.iter(*_HEADINGS), None)
    return found is not None and found.text_content().strip() == cell.text_content().strip()


def _is_empty(cell: HtmlElement) -> bool:
    return not cell.text_content().strip()


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
