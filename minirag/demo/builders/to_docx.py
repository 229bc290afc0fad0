"""Blocks to a Word document with heading styles, lists and tables."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

from docx import Document
from docx.document import Document as DocxDocument

from minirag.demo.builders.blocks import Block, HeadingBlock, ListBlock, Paragraph, Table, title_of

# The earliest date a ZIP entry can bear: says "no date" and never changes.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def render_docx(blocks: list[Block], written: datetime) -> bytes:
    """The document's bytes, the same for the same blocks and date."""
    document = Document()
    properties = document.core_properties
    properties.title = title_of(blocks)
    properties.author = "Havelock Cycles"
    properties.comments = ""
    properties.created = properties.modified = written
    for block in blocks:
        _add(document, block)
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_dates(buffer.getvalue())


def _add(document: DocxDocument, block: Block) -> None:
    match block:
        case HeadingBlock():
            document.add_heading(block.text, level=block.level)
        case Paragraph():
            document.add_paragraph(block.text)
        case ListBlock():
            style = "List Number" if block.numbered else "List Bullet"
            for item in block.items:
                document.add_paragraph(item, style=style)
        case Table():
            _add_table(document, block)


def _add_table(document: DocxDocument, block: Table) -> None:
    table = document.add_table(rows=0, cols=len(block.rows[0]))
    table.style = "Table Grid"
    for row in block.rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _without_dates(package: bytes) -> bytes:
    """The same ZIP with fixed entry dates.

    The deflated bytes still depend on the zlib that Python was built with; the entries do not.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            new.writestr(entry, old.read(name), compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
