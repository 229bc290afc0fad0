"""DOCX: what the styles say, and what the paragraph says against them."""

from __future__ import annotations

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from tests.parsing.makers import W, raw_docx, text_run

STYLES = f"""<w:styles xmlns:w="{W}">
<w:style w:styleId="H"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Body"><w:name w:val="Body"/><w:basedOn w:val="H"/>
<w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
<w:style w:styleId="L"><w:name w:val="List"/><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr>
</w:pPr></w:style><w:style w:styleId="M">
<w:name w:val="More"/><w:basedOn w:val="L"/></w:style></w:styles>"""


def styled(words: str, style: str, facts: str = "") -> str:
    return (
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{facts}</w:pPr><w:r>{text_run(words)}</w:r></w:p>'
    )


def read(body: str) -> Built:
    data = raw_docx(body, extra={"word/styles.xml": STYLES.encode()})
    return parse_bytes(data, Hints("a.docx"), ContentLimits())


def test_numbering_in_a_style_makes_list_items() -> None:
    off = '<w:numPr><w:numId w:val="0"/></w:numPr>'
    built = read(styled("one", "L") + styled("two", "M") + styled("three", "M", off))
    assert built.text == "- one\n- two\n\nthree"


def test_body_text_is_no_heading_whatever_it_is_based_on() -> None:
    body = '<w:outlineLvl w:val="9"/>'
    built = read(styled("Title", "H") + styled("words", "H", body) + styled("more", "Body"))
    assert [title for *_, title in built.headings] == ["Title"]
    assert built.text == "Title\n\nwords\n\nmore"


def test_hidden_runs_are_not_shown() -> None:
    runs = "".join(
        f"<w:r><w:rPr>{facts}</w:rPr>{text_run(words)}</w:r>"
        for facts, words in (("", "seen "), ("<w:vanish/>", "hidden "),
                             ('<w:vanish w:val="0"/>', "shown"))
    )  # fmt: skip
    assert read(f"<w:p>{runs}</w:p>").text == "seen shown"
