"""Hostile files made by code: each small to make, and meant to cost its reader everything."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

from tests.parsing.makers import (
    W,
    make_docx,
    make_epub,
    make_odt,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
    paragraph,
    raw_docx,
    raw_pdf,
    text_run,
    xlsx_rows,
)

MiB = 1 << 20
_LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>{}]>".format(
    "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
)
_QUADRATIC = f"<!DOCTYPE x [<!ENTITY a '{'x' * 100_000}'>]>"
OUTSIDE = "http://127.0.0.1:{port}/"


def _word(prolog: str, inside: str) -> bytes:
    return raw_docx(paragraph(text_run(inside)), prolog=prolog)


def _external(port: int) -> bytes:
    target = OUTSIDE.format(port=port)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="a" Type="{kind}/attachedTemplate" Target="{target}"'
        f' TargetMode="External"/><Relationship Id="b" Type="{kind}/image" Target="{target}"'
        ' TargetMode="External"/></Relationships>'
    )
    include = (
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"'
        ' parse="text"/>'
    )
    body = paragraph(text_run("words")) + include
    return raw_docx(body, extra={"word/_rels/document.xml.rels": rels.encode()})


def _lying(data: bytes) -> bytes:
    """All sizes in the directory are said to be small."""
    made = bytearray(data)
    at = -1
    while (at := made.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<L", made, at + 24, 100)
    return bytes(made)


def _overlapping() -> bytes:
    """Ten thousand names for the same packed bytes."""
    packed = make_zip({"word/document.xml": b"<x>" + b"a" * (20 * MiB) + b"</x>"})
    end = packed.rindex(b"PK\x05\x06")
    entry = packed[packed.index(b"PK\x01\x02") : end]
    start, count = end - len(entry), 10_000
    tail = struct.pack("<HHHHLLH", 0, 0, count, count, len(entry) * count, start, 0)
    return packed[:start] + entry * count + b"PK\x05\x06" + tail


def _million() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("word/document.xml", "<x/>")
    data = out.getvalue()
    end = data.rindex(b"PK\x05\x06")
    entry = data[data.index(b"PK\x01\x02") : end]
    size = len(entry) * 1_000_000
    return (
        data[:end]
        + entry * 999_999
        + b"PK\x05\x06"
        + struct.pack("<HHHHLLH", 0, 0, 65535, 65535, size, end - len(entry), 0)
    )


def _flate(layers: int, size: int) -> bytes:
    packed = zlib.compress(b" " * size, 9)
    for _ in range(layers - 1):
        packed = zlib.compress(packed, 9)
    return raw_pdf(packed, facts=b"/Filter [" + b"/FlateDecode " * layers + b"]")


def _pixels() -> bytes:
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 200000 /Height 200000 /BitsPerComponent 8"
        b" /ColorSpace /DeviceRGB /Filter /FlateDecode /Length 8 >>\nstream\nx\x9c\x03\0\0\0\0\1"
        b"\nendstream"
    )
    return raw_pdf(b"q 200 0 0 200 0 0 cm /I Do Q BT /F 9 Tf (seen) Tj ET", extra=[image])


def _outline_loop() -> bytes:
    data = raw_pdf(b"BT /F 9 Tf (words) Tj ET", extra=[
        b"<< /Title (a) /Next 5 0 R /First 5 0 R /Parent 5 0 R >>"])  # fmt: skip
    return data.replace(b"/Type /Catalog ", b"/Type /Catalog /Outlines << /First 5 0 R >> ")


def _mail(body: bytes) -> bytes:
    return b"From: a@x.test\nTo: b@x.test\nSubject: x\nMIME-Version: 1.0\n" + body


def _multipart(depth: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )
    return _mail(head + b"Content-Type: text/plain\n\nwords\n")


def _shared_strings() -> bytes:
    text = b"<sst><si><t>" + b"a" * (300 * MiB) + b"</t></si></sst>"
    return make_xlsx({"S": xlsx_rows([("a", "b")])}, {"xl/sharedStrings.xml": text})


def _cells(count: int) -> str:
    far = "".join(
        f'<row r="{n * 5}"><c r="A{n * 5}"><v>1</v></c></row>' for n in range(1, count + 1)
    )
    return f"<sheetData>{far}</sheetData>"


def _groups(depth: int) -> bytes:
    deck = make_pptx()
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(deck)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "ppt/slides/slide2.xml":
                data = data.replace(b"</p:spTree>", b"<p:grpSp>" * depth + b"</p:grpSp>" * depth
                                    + b"</p:spTree>")  # fmt: skip
            new.writestr(info, data)
    return out.getvalue()


def _wide_table() -> str:
    row = '<td rowspan="65534" colspan="1000">x</td>'
    return f"<html><body><table>{f'<tr>{row * 20}</tr>' * 50}</table></body></html>"


Bomb = tuple[str, Callable[[], bytes]]

# Those that end at once: part of every run.
QUICK: dict[str, Bomb] = {
    "docx-lying": ("docx", lambda: _lying(raw_docx(paragraph(text_run("a" * 9 * MiB))))),
    "docx-overlap": ("docx", _overlapping),
    "docx-laughs": ("docx", lambda: _word(_LAUGHS, "&a11;")),
    "docx-quadratic": ("docx", lambda: _word(_QUADRATIC, "&a;" * 30_000)),
    "docx-deep": ("docx", lambda: raw_docx("<w:tbl><w:tr><w:tc>" * 60_000)),
    "docx-nothing": ("docx", lambda: make_zip({"word/document.xml": b""})),
    "zip-nested": ("docx", lambda: make_zip({"a.zip": make_zip({"b.zip": make_docx()})})),
    "xlsx-far": ("xlsx", lambda: make_xlsx({"S": '<sheetData><row r="1048576"><c r="XFD1048576">'
                                            "<v>1</v></c></row></sheetData>"})),
    "xlsx-far-by-rows": ("xlsx", lambda: make_xlsx({"S": _cells(200_001)})),
    "xlsx-dimension": ("xlsx", lambda: make_xlsx({"S": '<dimension ref="A1:XFD1048576"/>'
                                                  + xlsx_rows([("a", "b")])})),
    "pptx-groups": ("pptx", lambda: _groups(200)),
    "odt-repeat": ("odt", lambda: make_odt(
        '<table:table><table:table-row table:number-rows-repeated="2000000000">'
        '<table:table-cell table:number-columns-repeated="2000000000"><text:p>x</text:p>'
        "</table:table-cell></table:table-row></table:table><text:p>"
        '<text:s text:c="2000000000"/>x</text:p>')),
    "odt-deep": ("odt", lambda: make_odt("<text:section>" * 250 + "</text:section>" * 250)),
    "epub-spine": ("epub", lambda: make_epub({f"{n}.xhtml": "<p>x" for n in range(5_500)})),
    "eml-multipart": ("eml", lambda: _multipart(5_000)),
    "eml-encoded": ("eml", lambda: b"Subject:" + b" =?utf-8?q?=41?=\n" * 100_000 + b"\nx"),
    "pdf-tree-loop": ("pdf", lambda: raw_pdf(b"", kids=b"[2 0 R 2 0 R 3 0 R]")),
    "pdf-outline-loop": ("pdf", _outline_loop),
    "pdf-inline-image": ("pdf", lambda: raw_pdf(b"BI /W 99999 /H 99999 /BPC 8 /CS /RGB ID "
                                                + b"x" * 10_000)),
    "pdf-pixels": ("pdf", _pixels),
    "pdf-arrays": ("pdf", lambda: raw_pdf(b"x", facts=b"/A " + b"[" * 100_000)),
    "pdf-locked": ("pdf", lambda: make_pdf([[("x", -1)]], password="p")),
    "ole-locked": ("docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
                   + "EncryptedPackage".encode("utf-16-le")),
    "html-spans": ("html", lambda: _wide_table().encode()),
    "html-comments": ("html", lambda: b"<html><body>" + b"<!--" * 100_000),
    "json-deep": ("json", lambda: b"[" * 200_000 + b"]" * 200_000),
    "json-keys": ("json", lambda: b'{"a":' * 500 + b"1" + b"}" * 500),
    "json-digits": ("json", lambda: b"9" * 3_000_000),
    "csv-columns": ("csv", lambda: b"," * 2_000_000),
    "csv-quote": ("csv", lambda: b'a,b\n"' + b"x,y\n" * 200_000),
    "md-brackets": ("md", lambda: b"# " + b"[" * 900 + b"\n" + b"[](" * 300_000),
    "md-quotes": ("md", lambda: b"> " * 300_000 + b"x"),
    "rst-rules": ("rst", lambda: b"=\n" * 100_000 + b"=" * 500_000),
    "code-lines": ("java", lambda: (b"public " * 40 + b"a<" * 40 + b"(" * 100 + b"\n") * 5_000),
}  # fmt: skip

# Those that take the reader to a limit.
LONG: dict[str, Bomb] = {
    "docx-ratio": ("docx", lambda: raw_docx(paragraph(text_run("a " * 140 * MiB)))),
    "docx-many-ratio": ("docx", lambda: make_zip(
        {f"word/{n}.xml": f'<x xmlns="{W}">{"a" * 30 * MiB}</x>'.encode() for n in range(12)})),
    "docx-million": ("docx", _million),
    "docx-paragraphs": ("docx", lambda: raw_docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 2_000_000)),
    "docx-attribute": ("docx", lambda: raw_docx(f'<w:p w:x="{"a" * 30 * MiB}"/>')),
    "xlsx-strings": ("xlsx", _shared_strings),
    "xlsx-area": ("xlsx", lambda: make_xlsx({"S": "<sheetData>" + "".join(
        f'<row r="{n}"><c r="A{n}"><v>1</v></c><c r="ALL{n}"><v>1</v></c></row>'
        for n in range(1, 60_000)) + "</sheetData>"})),
    "odt-cells": ("odt", lambda: make_odt("<table:table>" + (
        '<table:table-row><table:table-cell table:number-columns-repeated="1000">'
        "<text:p>xxxxxxxxxxxxxxxxxxxxxxxxxxxx</text:p></table:table-cell></table:table-row>"
        ) * 20_000 + "</table:table>")),
    "epub-ratio": ("epub", lambda: make_epub({"1.xhtml": "<p>" + "a " * 120 * MiB})),
    "epub-deep": ("epub", lambda: make_epub({"1.xhtml": "<div>" * 1_000_000})),
    "pdf-flate": ("pdf", lambda: _flate(3, 700 * MiB)),
    "pdf-operators": ("pdf", lambda: raw_pdf(zlib.compress(
        b"BT /F 9 Tf (word) Tj ET\n" * 2_000_000), facts=b"/Filter /FlateDecode")),
    "html-deep": ("html", lambda: b"<html><body>" + b"<div>" * 400_000 + b"x"),
    "html-options": ("html", lambda: b"<html><body><select>" + b"<option>x" * 400_000),
    "html-tables": ("html", lambda: b"<html><body>" + b"<table><tr><td>x " * 60_000),
    "html-links": ("html", lambda: b"<html><body><ul>" + b"<li><a href=/x>a</a>" * 300_000),
    "html-attributes": ("html", lambda: b"<html><body><p " + b"a=b " * 3_000_000 + b">x"),
    "text-line": ("txt", lambda: b"a" * (99 * MiB)),
    "text-blank": ("txt", lambda: b" \n" * (49 * MiB)),
    "text-accents": ("txt", lambda: ("a" + "\u0301" * 20_000_000).encode()),
    "text-legacy": ("txt", lambda: bytes([0xE4, 0x20, 0xF6]) * (20 * MiB)),
    "md-headings": ("md", lambda: b"# a\n" * 5_000_000),
    "jsonl-many": ("jsonl", lambda: b'{"a": 1}\n' * 5_000_000),
    "json-wide": ("json", lambda: b"[" + b"{}," * 20_000_000 + b"1]"),
    "csv-rows": ("csv", lambda: b"a,b,c\n" * 10_000_000),
    "eml-parts": ("eml", lambda: _mail(b"Content-Type: multipart/mixed; boundary=b\n\n"
                                       + b"--b\nContent-Type: text/plain\n\nx\n" * 300_000)),
    "code-braces": ("js", lambda: b"function " + b"a(" * 20_000_000),
}  # fmt: skip


def reaching_out(port: int) -> dict[str, Bomb]:
    """Files that ask their reader to fetch something, from the disk or from ``port``."""
    address = OUTSIDE.format(port=port)
    page = (
        f'<html><head><link rel=stylesheet href="{address}"><meta http-equiv=refresh content="0;'
        f'url={address}"></head><body><img src="{address}"><iframe src="{address}"></iframe>'
        f"<p>words</p></body></html>"
    )
    return {
        "xxe-file": ("docx", lambda: _word(
            "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>", "&a;")),
        "xxe-http": ("docx", lambda: _word(f"<!DOCTYPE x SYSTEM '{address}'>", "x")),
        "xxe-parameter": ("docx", lambda: _word(
            f"<!DOCTYPE x [<!ENTITY % a SYSTEM '{address}'> %a;]>", "x")),
        "external": ("docx", lambda: _external(port)),
        "page": ("html", lambda: page.encode()),
        "rst-include": ("rst", lambda: (
            f".. include:: /etc/passwd\n.. raw:: html\n   :url: {address}".encode())),
        "mail-external": ("eml", lambda: _mail(
            b'Content-Type: message/external-body; access-type=URL; URL="%s"\n\nx'
            % address.encode())),
    }  # fmt: skip
