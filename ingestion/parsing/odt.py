"""ODT by its XML: headings by outline level, lists, tables; what was deleted stays deleted."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, clean_title
from ingestion.parsing.ooxml import below, local_name, value_of
from ingestion.parsing.safe_zip import LOCKED, SafeArchive
from ingestion.parsing.tables import add_table
from minirag.errors import UnreadableSource

_UNSEEN = frozenset({"tracked-changes", "annotation", "annotation-end", "sequence-decls", "forms"})
_BREAKS = {"tab": "\t", "line-break": "\n"}
_MOST_SPACES = 100


def parse_odt(data: bytes, limits: ContentLimits) -> Built:
    """Raises ``UnreadableSource``: damaged, locked, a bomb, or with a DTD."""
    archive = SafeArchive(data, limits)
    manifest = "META-INF/manifest.xml"
    if manifest in archive:
        for _ in below(archive.tree(manifest), "encryption-data"):
            raise UnreadableSource(LOCKED)
    reader = _Reader(limits)
    for body in below(archive.tree("content.xml"), "text"):
        if local_name(body.getparent()) == "body":
            reader.inside(body, 0)
    return reader.builder.build(_title(archive))


class _Reader:
    def __init__(self, limits: ContentLimits) -> None:
        self.builder = DocumentBuilder()
        self._limits = limits

    def inside(self, element: etree._Element, lists: int) -> None:
        for child in element.iterchildren(etree.Element):
            name = local_name(child)
            if name == "h":
                self._heading(child)
            elif name == "p":
                text = text_of(child)
                self.builder.line(f"- {text}") if lists and text.strip() else self.builder.block(
                    text
                )
                self._boxes(child)
            elif name == "table":
                self._table(child)
            elif name not in _UNSEEN:
                self.inside(child, lists + (name == "list"))

    def _heading(self, element: etree._Element) -> None:
        level = value_of(element, "outline-level")
        text = text_of(element)
        self.builder.blank()
        self.builder.heading(text, int(level) if level in list("123456789") else 1, text)
        self.builder.blank()

    def _boxes(self, element: etree._Element) -> None:
        for box in below(element, "text-box"):
            self.inside(box, 0)

    def _table(self, table: etree._Element) -> None:
        self.builder.blank()
        add_table(self.builder, [self._cells(row) for row in below(table, "table-row")])

    def _cells(self, row: etree._Element) -> list[str]:
        cells: list[str] = []
        for cell in row.iterchildren(etree.Element):
            if local_name(cell) in ("table-cell", "covered-table-cell"):
                text = " ".join(text_of(one) for one in below(cell, "p", "h"))
                times = value_of(cell, "number-columns-repeated")
                # Empty ones are repeated up to the sheet's edge, and so is what a bomb repeats.
                most = self._limits.columns - len(cells)
                cells += [text] * min(int(times) if times.isdigit() and text else 1, max(0, most))
        return cells


def text_of(element: etree._Element) -> str:
    """Words of a paragraph; its notes in brackets, its boxes not."""
    return "".join(_pieces(element))


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element.iterchildren(etree.Element):
        name = local_name(child)
        if name == "s":
            count = value_of(child, "c")
            yield " " * min(_MOST_SPACES, int(count) if count.isdigit() else 1)
        elif name in _BREAKS:
            yield _BREAKS[name]
        elif name == "note":
            body = " ".join(text_of(one) for one in below(child, "p"))
            yield f" [{body}]"
        elif name not in _UNSEEN and name != "text-box":
            yield from _pieces(child)
        yield child.tail or ""


def _title(archive: SafeArchive) -> str:
    if "meta.xml" not in archive:
        return ""
    found = next(below(archive.tree("meta.xml"), "title"), None)
    return "" if found is None else clean_title(found.text or "")
