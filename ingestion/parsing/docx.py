"""DOCX by its XML: what Word shows, also in content controls, insertions and text boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, clean_title
from ingestion.parsing.docx_lists import BULLET, Lists
from ingestion.parsing.docx_notes import around, read_notes
from ingestion.parsing.docx_styles import list_place, outline, read_styles
from ingestion.parsing.docx_text import UNSEEN, Words, boxes
from ingestion.parsing.ooxml import core_title, local_name, main_part, value_of, whole
from ingestion.parsing.safe_zip import SafeArchive
from ingestion.parsing.tables import Grid, add_table

_BITS, _FIRST_ROW = re.compile("[0-9A-Fa-f]{1,8}"), 0x0020


@dataclass(slots=True)
class _Reader:
    """State of one pass over the document."""

    words: Words
    lists: Lists
    builder: DocumentBuilder = field(default_factory=DocumentBuilder)
    title: str = ""

    def paragraph(self, element: etree._Element) -> None:
        style, own_level, own_list = _properties(element)
        level = self.words.styles.heading_level(style) if own_level is None else own_level
        text = self.words.of(element, noted=not level)
        label = self._label(style, own_list) if text.strip() else ""
        if label and (label != BULLET or not level):
            text = f"{label} {text}"
        if level and text.strip():
            self.builder.blank()
            self.builder.heading(text.replace("\n", " "), level, text)
            self.builder.blank()
            for note in self.words.notes_of(element):
                self.builder.block(f"[{note}]")
        elif label:
            self.builder.line(text)
        else:
            self.builder.block(text)
        if self.words.styles.name(style) == "title" and not self.title:
            self.title = clean_title(text)
        for box in boxes(element):
            self.inside(box)

    def _label(self, style: str, own: tuple[str, str | None] | None) -> str:
        """What stands before the paragraph as an item of a list; "" where it is none."""
        list_id, level = self.words.styles.list_of(style)
        if own is not None:
            list_id, level = own[0] or list_id, own[1] or level
        if list_id is None or list_id == "0":
            return ""
        return self.lists.label(list_id, level, style)

    def table(self, element: etree._Element) -> None:
        rows = list(_inner(element, "tr"))
        cells = [cell for row in rows for cell in _inner(row, "tc")]
        if len(cells) == 1:
            self.inside(cells[0])  # a frame around text
            return
        grid = Grid()
        for row in rows:
            self._add_row(grid, row)
        self.builder.blank()
        add_table(self.builder, grid.rows, header=bool(rows) and _names_columns(element, rows[0]))

    def inside(self, box: etree._Element) -> None:
        for element in box:
            name = local_name(element)
            if name == "p":
                self.paragraph(element)
            elif name == "tbl":
                self.table(element)
            elif name not in UNSEEN:
                self.inside(element)

    def _add_row(self, grid: Grid, row: etree._Element) -> None:
        grid.start_row()
        if before := whole(_facts(row, "trPr").get("gridBefore", ""), 0):
            grid.add("", before)
        for cell in _inner(row, "tc"):
            facts = _facts(cell, "tcPr")
            wide = whole(facts.get("gridSpan", ""), 1)
            text = self._cell_text(cell)
            merged = [name for name in ("vMerge", "hMerge") if facts.get(name) in ("", "continue")]
            if merged and not text:
                grid.add_covered(above=merged[0] == "vMerge", wide=wide)
            else:
                grid.add(text, wide)

    def _cell_text(self, cell: etree._Element) -> str:
        texts = []
        for element in _cell_parts(cell):
            if local_name(element) == "tbl":
                rows = (
                    ", ".join(filter(None, map(self._cell_text, _inner(row, "tc"))))
                    for row in _inner(element, "tr")
                )
                texts.append("; ".join(filter(None, rows)))
                continue
            style, _, own_list = _properties(element)
            label = self._label(style, own_list)
            texts += [label if label != BULLET else "", self.words.of(element)]
            texts += [self.words.of(p) for box in boxes(element) for p in _cell_parts(box)]
        return " ".join(" ".join(texts).split())


def parse_docx(data: bytes, limits: ContentLimits) -> Built:
    """Paragraphs, headings by style, tables as rows of `` | ``, notes where they belong.

    Raises ``UnreadableSource``: damaged, locked, a bomb, or with a DTD.
    """
    archive = SafeArchive(data, limits)
    main = main_part(archive, "word/document.xml")
    folder = main.rpartition("/")[0]
    words = Words(read_styles(archive, f"{folder}/styles.xml"))
    read_notes(archive, words)
    reader = _Reader(words, Lists().read(archive, f"{folder}/numbering.xml"))
    _read(archive, main, reader)
    for text in (*words.left(), *around(archive, main, words)):
        reader.builder.block(text)
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
            if not any(local_name(parent) in UNSEEN for parent in element.iterancestors()):
                reader.paragraph(element) if name == "p" else reader.table(element)
            element.clear(keep_tail=False)


def _inner(element: etree._Element, wanted: str) -> Iterator[etree._Element]:
    """Rows or cells, also inside content controls and insertions, not those of nested tables."""
    for child in element:
        name = local_name(child)
        if name == wanted:
            yield child
        elif name in ("sdt", "sdtContent", "ins", "customXml", "smartTag"):
            yield from _inner(child, wanted)


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
    return any(_sets_first_apart(one) for one in found)


def _sets_first_apart(look: etree._Element) -> bool:
    """Until 2007 all that a table's look says stood in one number."""
    said, bits = value_of(look, "firstRow"), value_of(look)
    if said or not _BITS.fullmatch(bits):
        return said in ("1", "true", "on")
    return bool(int(bits, 16) & _FIRST_ROW)


def _cell_parts(element: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs and tables of a cell or a box, those in content controls too."""
    for child in element:
        name = local_name(child)
        if name in ("p", "tbl"):
            yield child
        elif name not in UNSEEN:
            yield from _cell_parts(child)


def _properties(element: etree._Element) -> tuple[str, int | None, tuple[str, str | None] | None]:
    """(style id, heading level by its own outline, place in a list of its own).

    None where the style says it; level 0 is body text.
    """
    style, level, place = "", None, None
    for properties in element:
        if local_name(properties) != "pPr":
            continue
        for item in properties:
            name = local_name(item)
            if name == "pStyle":
                style = value_of(item)
            elif name == "outlineLvl":
                level = outline(value_of(item))
            elif name == "numPr":
                place = list_place(item)
    return style, level, place
