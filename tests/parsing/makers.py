"""Small documents made on the spot, good and hostile."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import docx
from fpdf import FPDF

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def make_pdf(
    pages: Sequence[Sequence[tuple[str, int]]], *, title: str = "", password: str = ""
) -> bytes:
    """A PDF of ``pages``: each a list of (text, outline level or -1 for a plain line)."""
    pdf = FPDF()
    pdf.set_font("Helvetica", size=11)
    if title:
        pdf.set_title(title)
    for lines in pages:
        pdf.add_page()
        for text, level in lines:
            if level >= 0:
                pdf.start_section(text, level=level)
            if text:
                pdf.multi_cell(0, 6, text, new_x="LMARGIN", new_y="NEXT")
    if password:
        pdf.set_encryption(owner_password="owner", user_password=password)
    return bytes(pdf.output())


def make_docx(title: str = "") -> bytes:
    """A handbook with headings, a list and a table."""
    document = docx.Document()
    document.core_properties.title = title
    document.add_heading("Handbook", level=1)
    document.add_paragraph("Welcome to the company.")
    document.add_heading("Leave", level=2)
    document.add_paragraph("Everybody has thirty days.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Grade", "Days"), ("Junior", "30")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def raw_docx(body: str, *, prolog: str = "", extra: dict[str, bytes] | None = None) -> bytes:
    """A DOCX with ``body`` inside ``w:body``, as no word processor would write it."""
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}'
        f'<w:document xmlns:w="{W}" xmlns:mc="{MC}"><w:body>{body}</w:body></w:document>'
    )
    return make_zip({"word/document.xml": xml.encode(), **(extra or {})})


def make_zip(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def paragraph(inside: str) -> str:
    return f"<w:p><w:r>{inside}</w:r></w:p>"


def text_run(text: str) -> str:
    return f'<w:t xml:space="preserve">{text}</w:t>'
