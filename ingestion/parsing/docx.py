"""DOCX by its XML: what Word shows, also in content controls, insertions and text boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, clean_title
from ingestion.parsing.ooxml import core_title, local_name, main_part, value_of
from ingestion.parsing.safe_zip import SafeArchive
from ingestion.parsing.tables import Grid, add_table

# Alternatives repeat the text; deletions, field codes and moved-away text are not shown.
_UNSEEN = frozenset({"Fallback", "del", "moveFrom", "instrText", "delText", "delInstrText"})
_BREAKS = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-", "ptab": "\t"}
_OFF = ("0", "false", "off")
_HEADING_NAME = re.compile(r"heading (\d)", re.IGNORECASE)
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")


@dataclass(slots=True)
class _Style:
    name: str = ""
    based_on: str = ""
    outline: int | None = None
    is_item: bool | None = None


@dataclass(slots=True)
class _Reader:
    """State of one pass over the document."""

    styles: dict[str, _Style]
    builder: DocumentBuilder = field(default_factory=DocumentBuilder)
    title: str = ""

    def paragraph(self, element: etree._Element) -> None:
        text = paragraph_text(element)
        style, own_level, own_item = _properties(element)
        level = _level_of(style, self.styles) if own_level is None else own_level
        is_item = _is_item(style, self.styles) if own_item is None else own_item
        if level and text.strip():
            self.builder.blank()
            self.builder.heading(text.replace("\n", " "), level, text)
            self.builder.blank()
        elif is_item:
            self.builder.line(f"- {text}" if text.strip() else "")
        else:
            self.builder.block(text)
        named = self.styles.get(style, _Style()).name.lower() or style.lower()
        if named == "title" and not self.title:
            self.title = clean_title(text)
        for box in _boxes(element):
            self.inside(box)

    def table(self, element: etree._Element) -> None:
        rows = list(_inner(element, "tr"))
        grid = Grid()
        for row in rows:
            _add_row(grid, row)
        self.builder.blank()
        add_table(self.builder, grid.rows, header=bool(rows) and _names_columns(element, rows[0]))

    def inside(self, box: etree._Element) -> None:
        for element in box:
            if local_name(element) == "p":
                self.paragraph(element)
            elif local_name(element) == "tbl":
                self.table(element)


def parse_docx(data: bytes, limits: ContentLimits) -> Built:
    """Paragraphs, headings by style, tables as rows of `` | ``, notes at the end.

    Raises ``UnreadableSource``: damaged, locked, a bomb, or with a DTD.
    """
    archive = SafeArchive(data, limits)
    main = main_part(archive, "word/document.xml")
    folder = main.rpartition("/")[0]
    reader = _Reader(_styles(archive, f"{folder}/styles.xml"))
    for part in (main, *_NOTES):
        if part == main or part in archive:
            _read(archive, part, reader)
    return reader.builder.build(core_title(archive) or reader.title)


def _read(archive: SafeArchive, part: str, reader: _Reader) -> None:
    """Hand each outermost paragraph or table over when it is complete, then forget it."""
    depth = 0
    for event, element in archive.elements(part):
        name = local_name(element)
        if name not in ("p", "tbl"):
            continue
        depth += 1 if event == "start" else -1
        if event == "end" and depth == 0:
            if not any(local_name(parent) in _UNSEEN for parent in element.iterancestors()):
                reader.paragraph(element) if name == "p" else reader.table(element)
            element.clear(keep_tail=False)


def paragraph_text(element: etree._Element) -> str:
    """Text of a paragraph as shown, without its text boxes."""
    return "".join(_runs(element))


def _runs(element: etree._Element) -> Iterator[str]:
    for child in element:
        name = local_name(child)
        if name == "t":
            yield child.text or ""
        elif name in _BREAKS:
            yield _BREAKS[name]
        elif name == "sym":
            yield " "
        elif name == "r" and _facts(child, "rPr").get("vanish", "0") not in _OFF:
            continue  # hidden: Word shows and prints nothing of it
        elif name not in _UNSEEN and name not in ("txbxContent", "pPr", "rPr"):
            yield from _runs(child)


def _boxes(element: etree._Element) -> Iterator[etree._Element]:
    """Outermost text boxes below ``element``, each once."""
    for child in element:
        name = local_name(child)
        if name == "txbxContent":
            yield child
        elif name not in _UNSEEN:
            yield from _boxes(child)


def _inner(element: etree._Element, wanted: str) -> Iterator[etree._Element]:
    """Rows or cells, also inside content controls and insertions, not those of nested tables."""
    for child in element:
        name = local_name(child)
        if name == wanted:
            yield child
        elif name in ("sdt", "sdtContent", "ins", "customXml", "smartTag"):
            yield from _inner(child, wanted)


def _add_row(grid: Grid, row: etree._Element) -> None:
    grid.start_row()
    before = _facts(row, "trPr").get("gridBefore", "")
    if before.isdecimal() and int(before):
        grid.add("", int(before))
    for cell in _inner(row, "tc"):
        facts = _facts(cell, "tcPr")
        span = facts.get("gridSpan", "")
        wide = int(span) if span.isdecimal() else 1
        text = _cell_text(cell)
        merged = [name for name in ("vMerge", "hMerge") if facts.get(name) in ("", "continue")]
        if merged and not text:
            grid.add_covered(above=merged[0] == "vMerge", wide=wide)
        else:
            grid.add(text, wide)


def _facts(element: etree._Element, properties: str) -> dict[str, str]:
    """Local names of the ``properties`` of a row or a cell to their values."""
    found = (one for one in element if local_name(one) == properties)
    return {local_name(one): value_of(one) for each in found for one in each}


def _names_columns(table: etree._Element, row: etree._Element) -> bool:
    """Whether Word shows the first row as a header: repeated on each page, or by the style."""
    if any(local_name(one) == "tblHeader" for one in row.iter(etree.Element)):
        return True
    looks = (one for one in table.iterchildren(etree.Element) if local_name(one) == "tblPr")
    found = [one for look in looks for one in look if local_name(one) == "tblLook"]
    return any(value_of(one, "firstRow") in ("1", "true", "on") for one in found)


def _cell_text(cell: etree._Element) -> str:
    texts = []
    for element in _cell_parts(cell):
        texts.append(paragraph_text(element))
        texts += [paragraph_text(p) for box in _boxes(element) for p in box if local_name(p) == "p"]
    return " ".join(" ".join(texts).split())


def _cell_parts(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        name = local_name(child)
        if name == "p":
            yield child
        elif name not in _UNSEEN:
            yield from _cell_parts(child)


def _properties(element: etree._Element) -> tuple[str, int | None, bool | None]:
    """(style id, heading level by its own outline, whether it is a list item by its own number).

    None where the style says it; level 0 is body text.
    """
    style, level, is_item = "", None, None
    for properties in element:
        if local_name(properties) != "pPr":
            continue
        for item in properties:
            name = local_name(item)
            if name == "pStyle":
                style = value_of(item)
            elif name == "outlineLvl":
                level = _outline(value_of(item))
            elif name == "numPr":
                is_item = _numbered(item)
    return style, level, is_item


def _outline(value: str) -> int | None:
    """Level 1 to 9 of an outline value 0 to 8; 9 means body text, level 0."""
    known = value.isdecimal() and int(value) <= 9
    return (int(value) + 1) % 10 if known else None


def _numbered(element: etree._Element) -> bool:
    """Whether numbering is on: list 0 takes an inherited one away."""
    return all(value_of(one) != "0" for one in element if local_name(one) == "numId")


def _is_item(style: str, styles: dict[str, _Style]) -> bool:
    for _ in range(10):  # as below
        known = styles.get(style)
        if known is None or known.is_item is not None:
            return known is not None and bool(known.is_item)
        style = known.based_on
    return False


def _level_of(style: str, styles: dict[str, _Style]) -> int:
    for _ in range(10):  # styles may be based on each other in a circle
        known = styles.get(style)
        found = _HEADING_NAME.fullmatch(known.name if known else re.sub(r"(\d)$", r" \1", style))
        if found:
            return int(found[1])
        if known is None:
            return 0
        if known.outline is not None:
            return known.outline
        style = known.based_on
    return 0


def _styles(archive: SafeArchive, part: str) -> dict[str, _Style]:
    styles: dict[str, _Style] = {}
    if part not in archive:
        return styles
    for event, element in archive.elements(part):
        if event == "end" and local_name(element) == "style":
            style = styles.setdefault(value_of(element, "styleId"), _Style())
            for item in element.iter(etree.Element):
                if local_name(item) == "name" and not style.name:
                    style.name = value_of(item)
                elif local_name(item) == "basedOn":
                    style.based_on = value_of(item)
                elif local_name(item) == "outlineLvl":
                    style.outline = _outline(value_of(item))
                elif local_name(item) == "numPr":
                    style.is_item = _numbered(item)
            element.clear()
    return styles
