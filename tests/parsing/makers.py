"""Small documents made on the spot, good and hostile."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import docx
import pptx
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


def scanned_pdf() -> bytes:
    """One page that an image covers."""
    return raw_pdf(b"q 200 0 0 200 0 0 cm /I Do Q", extra=[
        b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8"
        b" /ColorSpace /DeviceGray /Length 1 >>\nstream\n\x80\nendstream"
    ])  # fmt: skip


def raw_pdf(
    content: bytes, *, extra: Sequence[bytes] = (), facts: bytes = b"", kids: bytes = b"[3 0 R]"
) -> bytes:
    """A PDF written by hand: one page of ``content``; ``extra`` objects from number 5, /I first."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids " + kids + b" >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R"
        b" /Resources << /XObject << /I 5 0 R >> /Font << /F << /Type /Font /Subtype /Type1"
        b" /BaseFont /Helvetica >> >> >> >>",
        b"<< " + facts + b" /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        *extra,
    ]
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Root 1 0 R /Size %d >>\nstartxref\n%d\n" % (len(objects) + 1, table))
    return out.getvalue() + b"%%EOF"


def make_pptx() -> bytes:
    """Two slides: a table and notes, then a group in a group and no title."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[5])
    first.shapes.title.text = "Quarterly figures"
    table = first.shapes.add_table(3, 2, 0, 0, 100, 100).table
    for row, cells in enumerate((("Region", "Sales"), ("North", "12"), ("South", "7"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    first.notes_slide.notes_text_frame.text = "Speak slowly."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    outer = second.shapes.add_group_shape()
    inner = outer.shapes.add_group_shape()
    inner.shapes.add_textbox(0, 0, 100, 100).text_frame.text = "Deep inside"
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def make_xlsx(sheets: dict[str, str], extra: dict[str, bytes] | None = None) -> bytes:
    """A workbook of raw ``sheetData`` by sheet names."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
        for number, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="r{number}" Type="{relation}/worksheet"'
        f' Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(sheets) + 1)
    )
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="a" '
        f'Type="{relation}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{space}" xmlns:r="{relation}">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{related}</Relationships>',
    }
    for number, body in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = f'<worksheet xmlns="{space}">{body}</worksheet>'
    return make_zip({name: text.encode() for name, text in parts.items()} | (extra or {}))


def xlsx_rows(rows: Sequence[Sequence[str | int]], start: int = 1) -> str:
    """``sheetData`` of inline texts and numbers; empty texts are no cells."""
    lines = []
    for number, row in enumerate(rows, start):
        cells = [
            f'<c r="{chr(65 + at)}{number}"><v>{cell}</v></c>'
            if isinstance(cell, int)
            else f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for at, cell in enumerate(row)
            if cell != ""
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f"<sheetData>{''.join(lines)}</sheetData>"


def make_odt(body: str, manifest: str = "") -> bytes:
    """An ODT with ``body`` inside ``office:text``."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "manifest")
    )
    content = (
        f"<office:document-content {names}><office:body><office:text>{body}</office:text>"
        "</office:body></office:document-content>"
    )
    listed = f"<manifest:manifest {names}>{manifest}</manifest:manifest>"
    return make_zip(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": listed.encode(),
        }
    )


def make_epub(chapters: dict[str, str], extra: dict[str, bytes] | None = None) -> bytes:
    """A book whose spine lists ``chapters`` (file name to body) backwards by name."""
    order = sorted(chapters, reverse=True)
    items = "".join(
        f'<item id="i{at}" href="{name}" media-type="application/xhtml+xml"/>'
        for at, name in enumerate(order)
    )
    spine = "".join(f'<itemref idref="i{at}"/>' for at in range(len(order)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>The book</dc:title></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    )
    pages = {
        f"OPS/{name}": f"<html><body>{body}</body></html>".encode()
        for name, body in chapters.items()
    }
    return make_zip(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": container.encode(),
            "OPS/book.opf": package.encode(),
            **pages,
            **(extra or {}),
        }
    )
