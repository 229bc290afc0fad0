"""Blocks to an A5 PDF, as it hangs in a workshop: bookmarks, page numbers, tables."""

from __future__ import annotations

from datetime import datetime

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos

from minirag.demo.builders.blocks import Block, HeadingBlock, ListBlock, Paragraph, Table, title_of

_BODY_PT = 10
_HEADING_PT = {1: 20.0, 2: 14.0, 3: 11.5}
_LINE_MM = 5.0


class _Manual(FPDF):
    """The page furniture: a running head from page 2 on, and a page number at the foot."""

    def header(self) -> None:
        if self.page_no() == 1:
            return
        self.set_font("Helvetica", "I", 8)
        self.cell(0, 8, "Havelock Cycles - Service manual", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", "", 8)
        self.cell(0, 8, f"Page {self.page_no()} of {{nb}}", align="C")


def render_pdf(blocks: list[Block], written: datetime) -> bytes:
    """The PDF's bytes, the same for the same blocks and date.

    The core fonts are used, so texts are limited to Latin-1. Streams are not compressed: their
    compressed bytes would depend on the zlib that Python was built with.
    """
    pdf = _Manual(format=(148, 210))
    pdf.set_compression(False)
    pdf.set_creation_date(written)
    pdf.set_title(title_of(blocks))
    pdf.set_author("Havelock Cycles")
    pdf.set_lang("en-GB")
    pdf.set_margins(15, 14, 15)
    pdf.set_auto_page_break(True, margin=18)
    pdf.add_page()
    for block in blocks:
        _add(pdf, block)
    return bytes(pdf.output())


def _add(pdf: FPDF, block: Block) -> None:
    match block:
        case HeadingBlock():
            _add_heading(pdf, block)
        case Paragraph():
            _add_text(pdf, block.text)
        case ListBlock():
            for number, item in enumerate(block.items, start=1):
                _add_text(pdf, f"{number}. {item}" if block.numbered else f"- {item}", indent=4)
        case Table():
            _add_table(pdf, block)


def _add_heading(pdf: FPDF, heading: HeadingBlock) -> None:
    size = _HEADING_PT[heading.level]
    # Room for the heading and two lines, so that none stands alone at the foot of a page.
    if pdf.will_page_break(size + 2 * _LINE_MM):
        pdf.add_page()
    pdf.ln(2 if heading.level > 1 else 0)
    pdf.start_section(heading.text, level=heading.level - 1)
    pdf.set_font("Helvetica", "B", size)
    pdf.multi_cell(0, size * 0.5, heading.text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(1.5)


def _add_text(pdf: FPDF, text: str, indent: float = 0) -> None:
    pdf.set_font("Helvetica", "", _BODY_PT)
    pdf.set_x(pdf.l_margin + indent)
    pdf.multi_cell(0, _LINE_MM, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(1.2)


def _add_table(pdf: FPDF, block: Table) -> None:
    pdf.set_font("Helvetica", "", 8.5)
    layout = TableBordersLayout.HORIZONTAL_LINES
    with pdf.table(borders_layout=layout, line_height=5.5, text_align="L") as table:
        for row in block.rows:
            table.row(row)
    pdf.ln(3)
