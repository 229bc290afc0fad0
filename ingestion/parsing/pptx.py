"""PPTX by its XML: slides in their order, titles as headings, tables, charts, groups and notes.

Read like DOCX and not through python-pptx: that one inflates every part before anybody can count,
and costs each worker's parser process 25 MB.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder
from ingestion.parsing.ooxml import (
    below,
    chart_rows,
    core_title,
    local_name,
    main_part,
    relations,
    value_of,
)
from ingestion.parsing.pptx_order import Layouts, Places, read_order
from ingestion.parsing.safe_zip import SafeArchive
from ingestion.parsing.tables import add_table
from minirag.errors import UnreadableSource

_TITLES = frozenset({"title", "ctrTitle"})
# Placeholders that repeat what stands on every slide.
_AROUND = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})
_HOLDERS = frozenset({"AlternateContent", "Choice", "spTree", "cSld"})


def parse_pptx(data: bytes, limits: ContentLimits) -> Built:
    """Slides as pages. Raises ``UnreadableSource``: damaged, a bomb, too many slides, or a DTD."""
    archive = SafeArchive(data, limits)
    builder = DocumentBuilder()
    slides = _slides(archive)
    layouts: Layouts = {}
    if len(slides) > limits.pages:
        raise UnreadableSource(f"There are more than {limits.pages:,} slides.")
    for number, part in enumerate(slides, 1):
        start = builder.next_block
        builder.blank()
        _Slide(archive, part, builder, limits.depth, layouts).add()
        if builder.length > start:
            builder.mark_page(number, (start, builder.length))
    return builder.build(core_title(archive), {"page_count": len(slides)})


def _slides(archive: SafeArchive) -> list[str]:
    main = main_part(archive, "ppt/presentation.xml")
    known = relations(archive, main)
    listed = [
        known[identity][1]
        for one in below(archive.tree(main), "sldId")
        if (identity := _relation(one)) in known
    ]
    return [part for part in listed if part in archive]


def _relation(element: etree._Element) -> str:
    """The relation id: of two attributes ``id`` the one with a namespace."""
    for key, value in element.attrib.items():
        if str(key).endswith("}id"):
            return str(value)
    return ""


class _Slide:
    def __init__(
        self,
        archive: SafeArchive,
        part: str,
        builder: DocumentBuilder,
        depth: int,
        layouts: Layouts,
    ) -> None:
        self._archive = archive
        self._builder = builder
        self._depth = depth
        self._known = relations(archive, part)
        self._tree = archive.tree(part)
        self._places = Places(archive, part, layouts)

    def add(self) -> None:
        shapes = list(self._shapes(self._tree, 0))
        titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
        for shape in titles[:1]:
            title = " ".join(" ".join(_paragraphs(shape)).split())
            self._builder.blank()
            self._builder.heading(title, 1, title)
            self._builder.blank()
        for shape in shapes:
            if shape not in titles[:1] and _placeholder(shape) not in _AROUND:
                self._shape(shape)
        for kind, part in self._known.values():
            if kind == "notesSlide" and part in self._archive:
                self._notes(part)

    def _shapes(self, element: etree._Element, depth: int) -> Iterator[etree._Element]:
        """Shapes and frames in the order of reading, those inside groups too."""
        if depth > self._depth:
            raise UnreadableSource("The shapes of a slide are nested too deeply.")
        for child in read_order(list(_shown(element)), self._places.box):
            if local_name(child) == "grpSp":
                yield from self._shapes(child, depth + 1)
            else:
                yield child

    def _shape(self, shape: etree._Element) -> None:
        if local_name(shape) != "graphicFrame":
            self._builder.block("\n".join(_paragraphs(shape)))
            return
        for table in below(shape, "tbl"):
            rows = _table(table)
            add_table(self._builder, rows)
        for one in below(shape, "chart", "relIds"):
            # A diagram keeps its words in its data part, a chart all in its one.
            identity = value_of(one, "dm") or _relation(one)
            part = self._known.get(identity, ("", ""))[1]
            if part in self._archive:
                self._part(part, is_chart=local_name(one) == "chart")

    def _part(self, part: str, *, is_chart: bool) -> None:
        if is_chart:
            title, rows = chart_rows(self._archive, part)
            self._builder.block(title)
            add_table(self._builder, rows, header=True)
        else:
            self._builder.block("\n".join(_paragraphs(self._archive.tree(part))))

    def _notes(self, part: str) -> None:
        shapes = self._shapes(self._archive.tree(part), 0)
        bodies = [shape for shape in shapes if _placeholder(shape) not in _AROUND]
        text = "\n".join(line for shape in bodies for line in _paragraphs(shape))
        if text.strip():
            self._builder.block(f"Notes: {text}")


def _shown(element: etree._Element) -> Iterator[etree._Element]:
    """Shapes, frames and groups; alternatives and trees are only around them."""
    for child in element.iterchildren(etree.Element):
        name = local_name(child)
        if name in ("sp", "graphicFrame", "cxnSp", "grpSp"):
            yield child
        elif name in _HOLDERS:
            yield from _shown(child)


def _placeholder(shape: etree._Element) -> str:
    for one in shape.iterchildren(etree.Element):
        if local_name(one).startswith("nv"):
            return next((value_of(ph, "type") or "body" for ph in below(one, "ph")), "")
    return ""


def _paragraphs(shape: etree._Element) -> list[str]:
    lines = []
    for paragraph in below(shape, "p"):
        pieces = []
        level = 0
        for element in paragraph.iter(etree.Element):
            name = local_name(element)
            if name == "t":
                pieces.append(element.text or "")
            elif name == "br":
                pieces.append("\n")
            elif name in ("buChar", "buAutoNum") or value_of(element, "lvl").isdigit():
                level = 1
        text = "".join(pieces)
        if text.strip():
            lines.append(f"- {text}" if level else text)
    return lines


def _table(table: etree._Element) -> list[list[str]]:
    """Rows of cells; a merged one stands in all the places that it covers."""
    rows: list[list[str]] = []
    for row in below(table, "tr"):
        cells: list[str] = []
        for cell in row.iterchildren(etree.Element):
            if local_name(cell) != "tc":
                continue
            column = len(cells)
            if value_of(cell, "hMerge") in ("1", "true") and cells:
                cells.append(cells[-1])
            elif value_of(cell, "vMerge") in ("1", "true") and rows and column < len(rows[-1]):
                cells.append(rows[-1][column])
            else:
                cells.append(" ".join(_paragraphs(cell)))
        rows.append(cells)
    return rows
