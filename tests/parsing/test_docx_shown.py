"""DOCX: hidden styles, numbers that Word counts, notes, frames, tables in tables, page headers."""

from __future__ import annotations

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from tests.parsing.makers import W, paragraph, raw_docx, text_run

STYLES = f"""<w:styles xmlns:w="{W}">
<w:style w:styleId="Secret"><w:name w:val="Secret"/><w:rPr><w:vanish/></w:rPr></w:style>
<w:style w:styleId="Deeper"><w:basedOn w:val="Secret"/></w:style>
<w:style w:styleId="Open"><w:basedOn w:val="Secret"/><w:rPr><w:vanish w:val="0"/></w:rPr></w:style>
<w:style w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr>
</w:pPr></w:style>
<w:style w:styleId="H2"><w:name w:val="heading 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/>
<w:numId w:val="2"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="Next"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/><w:pPr><w:numPr>
<w:ilvl w:val="1"/></w:numPr></w:pPr></w:style></w:styles>"""
LISTS = f"""<w:numbering xmlns:w="{W}">
<w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/>
</w:lvl><w:lvl w:ilvl="2"><w:numFmt w:val="bullet"/><w:lvlText w:val="x"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1">
<w:lvl w:ilvl="0"><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1"/><w:pStyle w:val="H1"/>
</w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="4"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="0"/>
<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/>
</w:lvlOverride></w:num></w:numbering>"""


def read(body: str, extra: dict[str, str] | None = None) -> Built:
    parts = {"word/styles.xml": STYLES, "word/numbering.xml": LISTS, **(extra or {})}
    data = raw_docx(body, extra={name: text.encode() for name, text in parts.items()})
    return parse_bytes(data, Hints("a.docx"), ContentLimits())


def styled(words: str, style: str, facts: str = "", run: str = "") -> str:
    runs = f"<w:r><w:rPr>{run}</w:rPr>{text_run(words)}</w:r>" if words else ""
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{facts}</w:pPr>{runs}</w:p>'


def item(words: str, level: int = 0, number: int = 1) -> str:
    facts = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return styled(words, "", facts)


def test_what_a_style_hides_is_not_shown_unless_it_is_told_to_be() -> None:
    body = (
        styled("hidden", "Secret") + styled("deeper", "Deeper") + styled("open", "Open")
        + styled("shown", "Secret", run='<w:vanish w:val="0"/>')
        + styled("as a run", "", run='<w:rStyle w:val="Deeper"/>')
        + styled("run shown", "Secret", run='<w:rStyle w:val="Open"/>')
    )  # fmt: skip
    assert read(body).text == "open\n\nshown\n\nrun shown"
    cell = f"<w:tc>{styled('secret', 'Secret')}</w:tc><w:tc>{styled('seen', '')}</w:tc>"
    assert read(f"<w:tbl><w:tr>{cell}</w:tr></w:tbl>").text == "| seen"


def test_items_have_the_numbers_that_word_counts() -> None:
    body = (
        item("one") + item("first", 1) + item("second", 1) + item("point", 2) + item("two")
        + item("again first", 1) + item("seven", number=3) + item("eight")
    )  # fmt: skip
    assert read(body).text.split("\n") == [
        "1. one", "a) first", "b) second", "- point", "2. two", "a) again first", "7. seven",
        "8. eight",
    ]  # fmt: skip


def test_headings_have_their_numbers() -> None:
    built = read(styled("Scope", "H1") + styled("Terms", "H2") + styled("Means", "H2")
                 + styled("Duties", "H1") + styled("Pay", "H2"))  # fmt: skip
    assert [title for *_, title in built.headings] == [
        "I Scope", "I.4 Terms", "I.5 Means", "II Duties", "II.4 Pay",
    ]  # fmt: skip


def test_a_style_may_take_its_list_from_one_and_its_level_from_another() -> None:
    assert read(styled("Scope", "H1") + styled("Terms", "Next")).text == "I Scope\n\nI.4 Terms"
    level = '<w:numPr><w:ilvl w:val="1"/></w:numPr>'
    assert read(styled("of no list", "", level)).text == "of no list"


def test_a_numbered_column_of_a_table_has_its_numbers() -> None:
    rows = "".join(
        f"<w:tr><w:tc>{item('')}</w:tc><w:tc>{paragraph(text_run(words))}</w:tc></w:tr>"
        for words in ("bolt", "nut")
    )
    assert read(f"<w:tbl>{rows}</w:tbl>").text == "1. | bolt\n2. | nut"


def test_notes_stand_where_they_belong() -> None:
    def noted(kind: str, number: int) -> str:
        return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'

    def notes(kind: str, words: dict[int, str]) -> str:
        each = "".join(
            f'<w:{kind} w:id="{number}">{paragraph(text_run(text))}</w:{kind}>'
            for number, text in words.items()
        )
        return f'<w:{kind}s xmlns:w="{W}">{each}</w:{kind}s>'

    body = (
        f"<w:p><w:r>{text_run('Thirty days')}</w:r>{noted('footnote', 2)}"
        f"<w:r>{text_run(' a year')}</w:r>{noted('endnote', 2)}{noted('endnote', 2) * 9}</w:p>"
        f'<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr><w:r>{text_run("Leave")}</w:r>'
        f"{noted('footnote', 3)}</w:p>"
    )
    extra = {
        "word/footnotes.xml": notes("footnote", {2: "of work", 3: "paid", 4: "left over"}),
        "word/endnotes.xml": notes("endnote", {2: "by law"}),
    }
    built = read(body, extra)
    assert built.text == ("Thirty days [of work] a year [by law]\n\nI Leave\n\n[paid]\n\nleft over")
    assert built.title == "I Leave"


def test_a_frame_of_one_cell_is_read_as_text_and_a_table_in_a_cell_by_rows() -> None:
    inner = "".join(
        f"<w:tr><w:tc>{paragraph(text_run(a))}</w:tc><w:tc>{paragraph(text_run(b))}</w:tc></w:tr>"
        for a, b in (("Mon", "8"), ("Tue", "9"))
    )
    table = f"<w:tbl>{inner}</w:tbl>"
    frame = f"<w:tbl><w:tr><w:tc>{styled('Hours', 'H1')}{table}</w:tc></w:tr></w:tbl>"
    built = read(frame)
    assert built.text == "I Hours\n\nMon | 8\nTue | 9" and built.headings
    beside = f"<w:tc>{paragraph(text_run('Hours'))}</w:tc><w:tc>{table}</w:tc>"
    assert read(f"<w:tbl><w:tr>{beside}</w:tr></w:tbl>").text == "Hours | Mon, 8; Tue, 9"


@pytest.mark.parametrize(
    ("look", "is_header"),
    [
        ('w:val="04A0"', True), ('w:val="0600"', False), ('w:val="x"', False), ("", False),
        ('w:val="0600" w:firstRow="1"', True), ('w:val="04A0" w:firstRow="0"', False),
    ],
)  # fmt: skip
def test_a_header_is_what_the_look_of_a_table_sets_apart(look: str, is_header: bool) -> None:
    rows = "".join(
        f"<w:tr><w:tc>{paragraph(text_run(a))}</w:tc><w:tc>{paragraph(text_run(b))}</w:tc></w:tr>"
        for a, b in [("Name", "Place"), *((f"name {n} of it", f"place {n}") for n in range(90))]
    )
    text = read(f"<w:tbl><w:tblPr><w:tblLook {look}/></w:tblPr>{rows}</w:tbl>").text
    assert (text.count("Name | Place") > 1) is is_header


def test_page_headers_are_read_once_and_page_numbers_not_at_all() -> None:
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = "".join(
        f'<Relationship Id="{name}" Type="{kinds}/{name[:6]}" Target="{name}.xml"/>'
        for name in ("header1", "header2", "footer1")
    )
    header = f'<w:hdr xmlns:w="{W}">{paragraph(text_run("Acme Ltd, 1 High Street"))}</w:hdr>'
    field = "<w:r><w:instrText> PAGE </w:instrText></w:r>"
    numbered = paragraph(text_run("Page 3 of 12")).replace("</w:p>", f"{field}</w:p>")
    footer = f'<w:ftr xmlns:w="{W}">{numbered}{paragraph(text_run("Version 2.1"))}</w:ftr>'
    extra = {
        "word/_rels/document.xml.rels": f"<Relationships>{rels}</Relationships>",
        "word/header1.xml": header,
        "word/header2.xml": header,
        "word/footer1.xml": footer,
    }
    body = paragraph(text_run("Body"))
    assert read(body, extra).text == "Body\n\nAcme Ltd, 1 High Street\n\nVersion 2.1"
    long = footer.replace("Page 3 of 12", "-" * 20_000 + "x")
    assert "-x" in read(body, extra | {"word/footer1.xml": long}).text
