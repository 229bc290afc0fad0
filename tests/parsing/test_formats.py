"""The formats beside text, Markdown, HTML, PDF and DOCX: text, headings, rows with their header."""

from __future__ import annotations

import json
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.text import normalize_text
from ingestion.parsing.xlsx import as_words
from minirag.errors import UnreadableSource
from minirag.formats import FORMATS, SUPPORTED, kind_of_mime, kind_of_suffix
from tests.parsing.makers import (
    make_docx,
    make_epub,
    make_odt,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
    xlsx_rows,
)

ROOT = Path(__file__).resolve().parents[2]


def parse(data: bytes, key: str, mime_type: str = "", **limits: int) -> Built:
    built = parse_bytes(data, Hints(key, mime_type), ContentLimits(**limits))
    assert normalize_text(built.text) == built.text
    return built


def headings(built: Built) -> list[tuple[int, str]]:
    return [(level, title) for _, _, level, title in built.headings]


# --- rst and code ------------------------------------------------------------------------------

RST = """
========
 Manual
========

.. include:: /etc/passwd

First
-----
Text with ``code``.

.. code::

    Not a heading
    -------------

:ref:`Second <two>`
-------------------

-----

Deeper
~~~~~~
=====  =====
a      b
=====  =====
"""


def test_rst_headings_by_the_order_of_their_styles() -> None:
    built = parse(RST.encode(), "a.rst")
    assert headings(built) == [(1, "Manual"), (2, "First"), (2, "Second"), (3, "Deeper")]
    assert built.title == "Manual"
    assert "include:: /etc/passwd" in built.text and "root:" not in built.text
    assert "====\nManual" not in built.text


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("a.py", "import os\n\nclass A(B):\n    async def run(self):\n        def inner(): ...\n"
         "def go() -> None:\n    pass\n", [(1, "A"), (2, "run"), (2, "inner"), (1, "go")]),
        ("a.ts", "export default class Shop {\n}\nexport async function buy() {}\nif (x) {}",
         [(1, "Shop"), (1, "buy")]),
        ("a.go", "func (s *Server) Serve(x int) {\n}\ntype Door struct {",
         [(1, "Serve"), (1, "Door")]),
        ("a.rs", "pub(crate) fn main() {\nimpl Door {\n", [(1, "main"), (1, "Door")]),
        ("a.java", "public class A {\n  public static int size(List<A> x) {\n    return f(x);\n",
         [(1, "A"), (2, "size")]),
        ("a.c", "static int add(int a, int b)\n{\n  return a + b;\n}\nint x = f(1);\n",
         [(1, "add")]),
        ("a.sql", "CREATE TABLE IF NOT EXISTS public.bike (id int);", [(1, "public.bike")]),
        ("a.toml", "[tool.ruff]\nx = 1\n", [(1, "tool.ruff")]),
        ("a.yaml", "services:\n  web: 1\n", [(1, "services")]),
        ("a.xml", "<class name='x'>\n</class>", []),
    ],
)  # fmt: skip
def test_code_keeps_its_lines_and_names_its_definitions(
    key: str, text: str, expected: list[tuple[int, str]]
) -> None:
    built = parse(text.encode(), f"src/{key}", "text/plain")
    assert headings(built) == expected
    assert built.title == key
    assert built.text.split() == text.split()


# --- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Name;Price\nBolt;1,5\nNut;0,2", "a.csv"),
        ("Name\tPrice\nBolt\t1,5\nNut\t0,2", "a.csv"),
        ("Name\tPrice\nBolt\t1,5\nNut\t0,2", "a.tsv"),
        ('Name,Price\n"Bolt","1,5"\nNut,"0,2"', "a.csv"),
        ("sep=;\nName;Price\nBolt;1,5\nNut;0,2", "a.csv"),
        ("Name;Price\r\nBolt;1,5\r\nNut;0,2", "a.csv"),
        ("Name|Price\r\nBolt|1,5\r\nNut|0,2\r\n", "a.csv"),
    ],
)
def test_the_delimiter_is_found_out(text: str, key: str) -> None:
    assert parse(text.encode("utf-16"), key).text == "Name | Price\nBolt | 1,5\nNut | 0,2"


def test_long_tables_carry_their_header_along() -> None:
    rows = "".join(f"part {n},{n * 3} EUR\n" for n in range(400))
    built = parse(f"Part,Price\n{rows}".encode(), "a.csv")
    groups = built.text.split("\n\n")
    assert len(groups) > 5 and all(group.startswith("Part | Price\npart ") for group in groups)
    assert [line for group in groups for line in group.split("\n")[1:]] == [
        f"part {n} | {n * 3} EUR" for n in range(400)
    ]


def test_a_table_without_a_header_repeats_no_row() -> None:
    built = parse("".join(f"{n},{n * n}\n" for n in range(500)).encode(), "a.csv")
    assert built.text.count("0 | 0") == 1 + sum(f"{n} | {n * n}".startswith("0 | 0")
                                                for n in range(1, 500))  # fmt: skip
    assert len(built.text.split("\n\n")) > 3


def test_a_quote_that_is_never_closed_swallows_nothing() -> None:
    text = 'a,b\n"open,1\n' + "".join(f"row {n},{n}\n" for n in range(20_000))
    assert "row 19999 | 19999" in parse(text.encode(), "a.csv").text


@pytest.mark.parametrize(
    ("text", "words"), [("a,b\n" * 11, "10 rows"), ("," * 20 + "x\n", "10 columns")]
)
def test_a_table_past_its_limits_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        parse(text.encode(), "a.csv", rows=10, columns=10)


def test_a_workbook_has_its_sheets_as_headings() -> None:
    first = xlsx_rows([("Parts list", ""), ("Name", "Price"), ("Bolt", 2)])
    second = xlsx_rows([("", "Year"), ("", 2024)], start=3)
    merged = first + '<mergeCells><mergeCell ref="A2:A3"/></mergeCells>'
    built = parse(make_xlsx({"Parts": merged, "Years": second}), "a.xlsx")
    assert headings(built) == [(1, "Parts"), (1, "Years")]
    assert "Parts list\n\nName | Price\nBolt | 2" in built.text
    assert built.text.endswith("Years\n\nYear\n2024")


def test_a_workbook_is_cut_at_blank_rows_into_tables() -> None:
    rows = [("A", "B"), ("1", "2"), ("", ""), ("C", "D"), ("3", "4")]
    assert parse(make_xlsx({"S": xlsx_rows(rows)}), "a.xlsx").text == (
        "S\n\nA | B\n1 | 2\n\nC | D\n3 | 4"
    )


@pytest.mark.parametrize(
    ("days", "shown"),
    [(1.5, "36:00"), (0.0104166667, "0:15"), (2.00001157407, "48:00:01"), (-0.5, "-12:00")],
)
def test_a_duration_is_shown_in_hours(days: float, shown: str) -> None:
    assert as_words(timedelta(days=days)) == shown


@pytest.mark.parametrize("cell", ["XFD1048576", "XFD1"])
def test_a_cell_far_away_is_refused_in_words(cell: str) -> None:
    body = f'<sheetData><row><c r="A1"><v>1</v></c><c r="{cell}"><v>1</v></c></row></sheetData>'
    with pytest.raises(UnreadableSource, match="more than"):
        parse(make_xlsx({"S": body}), "a.xlsx")


# --- json --------------------------------------------------------------------------------------


def test_json_becomes_paths() -> None:
    data = {
        "name": "Bike", "tags": ["red", "fast"], "version": 1.10, "none": None,
        "parts": [{"id": 1, "size": {"x": 2}}, {"id": 2, "ok": True}], "empty": {},
    }  # fmt: skip
    built = parse(json.dumps(data).replace("1.1,", "1.10,").encode(), "a.json")
    assert built.text.split("\n") == [
        "name: Bike", "", "tags", "tags: red, fast", "version: 1.10", "none: null", "", "parts",
        "", "parts[0].id: 1", "parts[0].size.x: 2", "", "parts[1].id: 2", "parts[1].ok: true",
        "empty: {}",
    ]  # fmt: skip
    assert headings(built) == [(1, "tags"), (1, "parts")]


def test_a_key_of_json_with_nothing_below_it_is_kept() -> None:
    data = b'{"a": {}, "b": [], "c": "", "d": {"e": [], "f": {}}, "g": [{}, 1], "h": [[]]}'
    assert parse(data, "a.json").text == (
        "a: {}\nb: []\nc:\n\nd\nd.e: []\nd.f: {}\n\ng\n\ng[0]: {}\ng[1]: 1\n\nh\n\nh[0]: []"
    )
    assert parse(b'[{}, {"a": []}]', "a.json").text == "a: []"
    for empty in (b"{}", b"[]", b"[[], {}]", b"{}\n{}\n"):
        with pytest.raises(UnreadableSource, match="no text"):
            parse(empty, "a.json")


@pytest.mark.parametrize("key", ["a.jsonl", "a.json", "a.ndjson"])
def test_json_lines_are_records(key: str) -> None:
    assert parse(b'{"a": 1}\n\n{"a": {"b": "x"}}\n', key).text == "a: 1\n\na.b: x"


@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        (b'{"a": ', "a.json", "not valid JSON: line 1"),
        (b'{"a": 1}\nnope\n', "a.jsonl", "not valid JSON: line 2"),
        (b"nope\n\n", "a.jsonl", "not valid JSON: line 1"),
        (b"[" * 60 + b"{}" + b"]" * 60, "a.json", "nested too deeply"),
        (b'{"a": 1}\n' * 11, "a.jsonl", "10 records"),
    ],
)
def test_json_that_is_refused(data: bytes, key: str, words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        parse(data, key, rows=10)


# --- office, book, mail ------------------------------------------------------------------------


def test_slides_with_titles_tables_groups_and_notes() -> None:
    built = parse(make_pptx(), "a.pptx")
    assert headings(built) == [(1, "Quarterly figures")]
    assert "Region | Sales\nNorth | 12\nSouth | 7" in built.text
    assert "Notes: Speak slowly." in built.text
    pages = {number: built.text[start:end] for start, end, number in built.pages}
    assert pages[1].startswith("Quarterly figures") and pages[2] == "Deep inside"
    assert built.metadata == {"page_count": 2}


def test_odt_headings_lists_tables_and_notes() -> None:
    body = (
        '<text:h text:outline-level="1">Rules</text:h><text:p>One<text:s text:c="3"/>two'
        "<text:note><text:note-body><text:p>aside</text:p></text:note-body></text:note></text:p>"
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Name</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="2000000000"><text:p>x</text:p>'
        "</table:table-cell></table:table-row><table:table-row><table:table-cell>"
        "<text:p>Bolt</text:p></table:table-cell></table:table-row></table:table>"
    )
    built = parse(make_odt(body), "a.odt", columns=3)
    assert headings(built) == [(1, "Rules")]
    assert built.text == "Rules\n\nOne two [aside]\n\n- item\n\nName | x | x\nBolt"


def test_a_locked_odt_says_so() -> None:
    with pytest.raises(UnreadableSource, match="needs a password"):
        parse(make_odt("", "<manifest:encryption-data/>"), "a.odt")


def test_a_book_in_the_order_of_its_spine() -> None:
    book = make_epub({"1.xhtml": "<h1>Last</h1><p>End.", "2.xhtml": "<h1>First</h1><p>Begin."})
    built = parse(book, "a.epub")
    assert built.title == "The book"
    assert headings(built) == [(1, "First"), (1, "Last")]
    assert built.text == "# First\n\nBegin.\n\n# Last\n\nEnd."


def test_a_book_that_its_publisher_locked() -> None:
    lock = b'<e><CipherReference URI="OPS/1.xhtml"/></e>'
    with pytest.raises(UnreadableSource, match="locked"):
        parse(make_epub({"1.xhtml": "<p>x"}, {"META-INF/encryption.xml": lock}), "a.epub")


def test_addresses_in_a_book_are_no_plain_paths() -> None:
    container = '<container><rootfile full-path="OPS/my%20book.opf"/></container>'
    items = "".join(
        f'<item id="{name}" href="{href}" media-type="application/xhtml+xml"/>'
        for name, href in (("a", "ch%201.xhtml#top"), ("b", "2.xhtml?x=1"), ("c", "2.xhtml#end"))
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in "abc")
    package = f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>"
    files = {
        "META-INF/container.xml": container.encode(),
        "OPS/my book.opf": package.encode(),
        "OPS/ch 1.xhtml": b"<p>One",
        "OPS/2.xhtml": b"<p>Two",
    }
    assert parse(make_zip({"mimetype": b"application/epub+zip", **files}), "a.epub").text == (
        "One\n\nTwo"
    )


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {
        "Subject": "Grüße",
        "From": "a@x.test",
        "Date": "Mon, 01 Jan 2024 10:00:00 +0000",
        **headers,
    }.items():
        message[name] = value
    return message


def test_a_mail_with_its_attachments() -> None:
    message = mail(To="b@x.test")
    message.set_content("Hello.\n")
    message.add_alternative("<p>Hello <b>much</b> longer than the plain one.</p>", subtype="html")
    message.add_attachment(make_docx(), maintype="application", subtype="octet-stream",
                           filename="handbook.docx")  # fmt: skip
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="cat.png")
    inner = mail(Subject="Inner")
    inner.set_content("Forwarded words.")
    message.add_attachment(inner)
    built = parse(message.as_bytes(), "a.eml")
    assert built.title == "Grüße"
    assert headings(built) == [
        (1, "Grüße"), (2, "handbook.docx"), (3, "Handbook"), (4, "Leave"), (2, "Inner"),
    ]  # fmt: skip
    assert built.text.startswith(
        "Subject: Grüße\nFrom: a@x.test\nTo: b@x.test\nDate: Mon, 01 Jan 2024"
    )
    for kept in ("Hello **much** longer", "Grade | Days", "cat.png (image/png). This is an image",
                 "Forwarded words."):  # fmt: skip
        assert kept in built.text


def test_a_mail_in_plain_text_keeps_it() -> None:
    message = mail()
    message.set_content("The plain words.\n")
    message.add_alternative("<p>The <i>plain</i> words.</p>", subtype="html")
    assert parse(message.as_bytes(), "a", "message/rfc822").text.endswith("\n\nThe plain words.")


def test_headers_are_capped_before_they_are_decoded() -> None:
    subject = b" =?utf-8?q?=41=42?=\n" * 5_000
    built = parse(b"From: a\nSubject: x" + subject + b"\n\nBody", "a.eml")
    assert len(built.title) <= 300 and built.text.endswith("Body")
    with pytest.raises(UnreadableSource, match="more headers"):
        parse(b"From: a\nSubject: x" + subject * 5 + b"\n\nBody", "a.eml")


# --- pdf ---------------------------------------------------------------------------------------


def test_a_locked_pdf_opens_with_its_password() -> None:
    data = make_pdf([[("Secret words", -1)]], password="pass")
    hints = Hints("a.pdf", password="pass")
    assert parse_bytes(data, hints, ContentLimits()).text == "Secret words"
    with pytest.raises(UnreadableSource, match="does not open"):
        parse_bytes(data, Hints("a.pdf", password="wrong"), ContentLimits())
    assert "pass" not in repr(hints)


# What a reader of PDF 2.0 makes of a password: as others write it there.
@pytest.mark.parametrize(
    ("given", "stored"),
    [("I\u00adX", "IX"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b"), ("ﬁx", "fix")],
)
def test_a_password_is_tried_in_its_prepared_form_too(given: str, stored: str) -> None:
    data = make_pdf([[("Secret words", -1)]], password=stored)
    assert parse_bytes(data, Hints("a.pdf", password=given), ContentLimits()).text == "Secret words"


def test_a_pdf_with_too_many_pages_is_refused() -> None:
    with pytest.raises(UnreadableSource, match="more than 2 pages"):
        parse(make_pdf([[("x", -1)]] * 3), "a.pdf", pages=2)


def test_a_sentence_goes_on_over_the_page_break() -> None:
    built = parse(make_pdf([[("The wheel turns", -1)], [("round and round.", -1)]]), "a.pdf")
    assert built.text == "The wheel turns\nround and round."
    assert [page[2] for page in built.pages] == [1, 2]


# --- which is which ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "key", "mime_type", "starts"),
    [
        (make_pptx(), "a.docx", "", "Quarterly"),
        (make_docx(), "a.xlsx", "application/zip", "Handbook"),
        (make_odt("<text:p>Odt</text:p>"), "a.zip", "application/zip", "Odt"),
        (make_epub({"1": "<p>Book"}), "book", "", "Book"),
        (b"a,b\n1,2", "data", "text/csv; charset=utf-8", "a | b"),
        (b"a,b\n1,2", "a.csv", "text/plain", "a | b"),
        (b"def go(): ...", "a.py", "application/octet-stream", "def go"),
        (b"all:\n\tmake", "Makefile", "application/octet-stream", "all:"),
        (b"From: a\nTo: b\nSubject: Hi\n\nBody", "mail", "", "Subject: Hi"),
        (b"A PDF begins with %PDF-1.7 and ends.", "a.txt", "text/plain", "A PDF"),
        (b'{"a": 1}', "x", "application/vnd.api+json", "a: 1"),
    ],
)
def test_the_content_decides_then_the_type_then_the_name(
    data: bytes, key: str, mime_type: str, starts: str
) -> None:
    assert parse(data, key, mime_type).text.startswith(starts)


def test_an_archive_under_another_name_is_told_what_to_do() -> None:
    with pytest.raises(UnreadableSource, match=r"name it \.zip"):
        parse(make_zip({"a.txt": b"x"}), "a")


@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "CHANGELOG.md"])
def test_the_pages_name_the_formats_that_are_read(page: str) -> None:
    assert SUPPORTED in (ROOT / page).read_text()


def test_the_words_for_people_name_every_format() -> None:
    named = {word.strip() for word in SUPPORTED.replace(" and ", ", ").split(",")}
    listed = {one.suffixes[0][1:] for one in FORMATS if one.kind not in ("code", "zip")}
    assert named == listed | {"source code"}
    assert all(kind_of_suffix(suffix) == one.kind for one in FORMATS for suffix in one.suffixes)
    assert all(kind_of_mime(one.mime_type) for one in FORMATS)
