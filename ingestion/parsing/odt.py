"""ODT by its XML: headings by outline level, lists, tables; what was deleted stays deleted."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, clean_title
from ingestion.parsing.odt_lists import BULLET, Item, Lists
from ingestion.parsing.odt_pages import around
from ingestion.parsing.ooxml import below, local_name, outermost, value_of, whole
from ingestion.parsing.safe_zip import LOCKED, SafeArchive
from ingestion.parsing.tables import Grid, add_table
from minirag.errors import UnreadableSource

_UNSEEN = frozenset({"tracked-changes", "annotation", "annotation-end", "sequence-decls", "forms"})
_ROW_GROUPS = ("table-header-rows", "table-rows", "table-row-group")
_BREAKS = {"tab": "\t", "line-break": "\n"}
_MOST_SPACES = 100
# Columns that one empty cell stands for, or one with words covers.
_MOST_SPAN = 200


def parse_odt(data: bytes, limits: ContentLimits) -> Built:
    """Raises ``UnreadableSource``: damaged, locked, a bomb, or with a DTD."""
    archive = SafeArchive(data, limits)
    manifest = "META-INF/manifest.xml"
    if manifest in archive:
        for _ in below(archive.tree(manifest), "encryption-data"):
            raise UnreadableSource(LOCKED)
    content = archive.tree("content.xml")
    styles = archive.tree_beside("styles.xml") if "styles.xml" in archive else None
    lists = Lists()
    for root in (styles, content):
        if root is not None:
            lists.learn(root)
    reader = _Reader(lists, limits)
    for body in below(content, "text"):
        if local_name(body.getparent()) == "body":
            reader.inside(body)
    for text in around(styles, content, paragraphs) if styles is not None else ():
        reader.builder.block(text)
    return reader.builder.build(_title(archive))


class _Reader:
    def __init__(self, lists: Lists, limits: ContentLimits) -> None:
        self.builder = DocumentBuilder()
        self._lists = lists
        self._limits = limits

    def inside(self, element: etree._Element, item: Item | None = None) -> None:
        """Add what is in ``element``, which stands in ``item`` where that is one of a list."""
        for child in element.iterchildren(etree.Element):
            name = local_name(child)
            if name == "h":
                self._heading(child, item)
            elif name == "p":
                self._paragraph(child, item)
            elif name == "table":
                self._table(child)
            elif name == "list":
                for part, inner in self._lists.items(child, item):
                    self.inside(part, inner)
            elif name not in _UNSEEN and value_of(child, "display") != "none":
                self.inside(child, item)

    def _paragraph(self, element: etree._Element, item: Item | None) -> None:
        text = text_of(element)
        if item is None:
            self.builder.block(text)
        elif text.strip():
            self.builder.line(f"{item.take()} {text}")
        else:
            item.count()  # its number is shown, and the next one's is another
            self.builder.blank()
        self._boxes(element)

    def _heading(self, element: etree._Element, item: Item | None) -> None:
        said = value_of(element, "outline-level")
        level = int(said) if said in list("123456789") else 1
        text = text_of(element)
        if text.strip():
            label = item.take() if item else BULLET
            label = label if label != BULLET else self._lists.heading(element, level)
            text = f"{label} {text}".strip()
        self.builder.blank()
        self.builder.heading(text, level, text)
        self.builder.blank()
        self._boxes(element)

    def _boxes(self, element: etree._Element) -> None:
        for box in outermost(element, "text-box", _UNSEEN):
            self.inside(box)

    def _table(self, table: etree._Element) -> None:
        self.builder.blank()
        grid = Grid()
        until: dict[int, int] = {}  # column to the last row that a cell above covers in it
        for row in _rows(table):
            grid.start_row()
            self._add_cells(grid, row, until)
        add_table(self.builder, grid.rows)

    def _add_cells(self, grid: Grid, row: etree._Element, until: dict[int, int]) -> None:
        number = len(grid.rows)
        edge = 0  # of the last cell's columns
        for cell in row.iterchildren(etree.Element):
            if local_name(cell) not in ("table-cell", "covered-table-cell"):
                continue
            text = self._cell_text(cell)
            # A bomb repeats cells; so do sheets, up to their edge.
            most = max(0, self._limits.columns - grid.column)
            times = min(_number(cell, "number-columns-repeated"), most if text else _MOST_SPAN)
            if local_name(cell) == "table-cell" or text:
                high = _number(cell, "number-rows-spanned")
                edge = grid.column + min(_number(cell, "number-columns-spanned"), _MOST_SPAN)
                until |= dict.fromkeys(range(grid.column, edge), number + high - 1)
                for _ in range(times):
                    grid.add(text)
                continue
            for _ in range(times):
                if grid.column < edge or until.get(grid.column, 0) >= number:
                    grid.add_covered(above=grid.column >= edge)
                else:
                    grid.add("")
        cells = grid.rows[-1]
        while cells and not cells[-1]:
            cells.pop()

    def _cell_text(self, cell: etree._Element, item: Item | None = None) -> str:
        """Paragraphs one after the other; of tables in it the rows, ``a, b; c, d``."""
        texts = []
        for child in cell.iterchildren(etree.Element):
            name = local_name(child)
            if name in ("p", "h"):
                label = item.take() if item else ""
                boxes = outermost(child, "text-box", _UNSEEN)
                texts += [label if label != BULLET else "", text_of(child)]
                texts += map(self._cell_text, boxes)
            elif name == "table":
                rows = (", ".join(filter(None, map(self._cell_text, row))) for row in _rows(child))
                texts.append("; ".join(filter(None, rows)))
            elif name == "list":
                texts += [self._cell_text(*part) for part in self._lists.items(child, item)]
            elif name not in _UNSEEN:
                texts.append(self._cell_text(child, item))
        return " ".join(filter(None, texts))


def paragraphs(element: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Paragraphs of ``element`` with their texts, also those in its tables and boxes."""
    for child in element.iterchildren(etree.Element):
        name = local_name(child)
        if name in ("p", "h"):
            yield child, text_of(child)
            for box in outermost(child, "text-box", _UNSEEN):
                yield from paragraphs(box)
        elif name not in _UNSEEN:
            yield from paragraphs(child)


def _rows(element: etree._Element) -> Iterator[etree._Element]:
    """Rows of a table, not those of tables in its cells."""
    for child in element.iterchildren(etree.Element):
        name = local_name(child)
        if name == "table-row":
            yield child
        elif name in _ROW_GROUPS:
            yield from _rows(child)


def _number(cell: etree._Element, name: str) -> int:
    """How often or over how many places: 1 where nothing is said."""
    value = value_of(cell, name)
    return max(1, int(value)) if value.isdecimal() and len(value) < 20 else 1


def text_of(element: etree._Element) -> str:
    """Words of a paragraph; its notes in brackets, its boxes not."""
    return "".join(_pieces(element))


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element.iterchildren(etree.Element):
        name = local_name(child)
        if name == "s":
            count = value_of(child, "c")
            yield " " * min(_MOST_SPACES, whole(count, 1))
        elif name in _BREAKS:
            yield _BREAKS[name]
        elif name == "note":
            body = " ".join(text_of(one) for one in below(child, "p"))
            yield f" [{body}]"
        elif name not in _UNSEEN and name not in ("text-box", "number"):
            yield from _pieces(child)
        yield child.tail or ""


def _title(archive: SafeArchive) -> str:
    if "meta.xml" not in archive:
        return ""
    found = next(below(archive.tree("meta.xml"), "title"), None)
    return "" if found is None else clean_title(found.text or "")
