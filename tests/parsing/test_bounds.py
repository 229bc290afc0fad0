"""What is too much, or broken, in one place costs that place and not the whole document."""

from __future__ import annotations

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.limits import Limits
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.sandbox import Sandbox
from minirag.errors import UnreadableSource
from minirag.types import RawDocument
from tests.parsing.makers import (
    make_odt,
    make_xlsx,
    paragraph,
    raw_docx,
    text_run,
    xlsx_rows,
)


def parse(data: bytes, key: str, **limits: int) -> Built:
    return parse_bytes(data, Hints(key), ContentLimits(**limits))


def test_a_document_of_very_many_headings_is_read() -> None:
    """It failed: "its parser gave a broken answer"."""
    words = "".join(f"# Part {n}\n\n## Step\n\nwords\n\n" for n in range(15_000))
    sandbox = Sandbox()
    parsed = sandbox.parse(RawDocument("a.md", words.encode(), ""), Limits())
    sandbox.close()
    assert parsed.text.count("words") == 15_000 and len(parsed.headings) == 20_000
    assert sum(heading.level == 1 for heading in parsed.headings) == 15_000
    assert parsed.metadata["headings_left_out"] == 10_000


def test_the_headings_that_are_kept_are_the_highest_and_the_first() -> None:
    data = b"### deep\n\n# one\n\n## a\n\n## b\n\n# two\n\n## c\n"
    kept = parse(data, "a.md", headings=4)
    assert [title for *_, title in kept.headings] == ["one", "a", "b", "two"]
    assert "deep" in kept.text and "c" in kept.text.split()
    assert parse(data, "a.md", headings=6).metadata == {}


def test_a_bad_line_among_records_is_left_out_and_counted() -> None:
    data = b'{"a": "one"}\n{"a": \n\n{"a": "two"}\nnope\n{"a": "three"}\n{"a": "cut o'
    with pytest.raises(UnreadableSource, match="line 2"):
        parse(data, "a.jsonl")  # as many bad ones as good ones: another kind of file
    found = parse(b'{"a": "zero"}\n' + data, "a.jsonl")
    assert found.text == "a: zero\n\na: one\n\na: two\n\na: three"
    assert found.metadata == {"records_left_out": 3}
    assert parse(b'{"a": 1}\n{"a": 2}\n', "a.jsonl").metadata == {}


def test_a_number_of_thousands_of_digits_is_none() -> None:
    digits = "9" * 5_000
    span = f'<w:tcPr><w:gridSpan w:val="{digits}"/></w:tcPr>'
    cells = "".join(f"<w:tc>{span}{paragraph(text_run(one))}</w:tc>" for one in "ab")
    before = f'<w:trPr><w:gridBefore w:val="{digits}"/></w:trPr>'
    table = raw_docx(f"<w:tbl><w:tr>{before}{cells}</w:tr></w:tbl>")
    assert parse(table, "a.docx").text == "a | b"
    formats = f'<numFmt numFmtId="{digits}" formatCode="0"/>'
    used = f'<cellXfs><xf numFmtId="{digits}"/></cellXfs>'
    styles = f"<styleSheet><numFmts>{formats}</numFmts>{used}</styleSheet>"
    book = make_xlsx({"S": xlsx_rows([("a", 1)])}, {"xl/styles.xml": styles.encode()})
    assert parse(book, "a.xlsx").text == "S\n\na | 1"
    assert parse(make_odt('<text:p>a<text:s text:c="²"/>b</text:p>'), "a.odt").text == "a b"
    notebook = b'{"n": ' + digits.encode() + b', "cells": [{"source": "words"}]}'
    assert parse(notebook, "a.ipynb").text == "words"


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 200_000 + "deep words" + "</div>" * 200_000 + "<p>last words",
        "<p>first " + "<b><i>x" * 50_000 + "<p>deep words<p>last words",
        "<p>first" + "<p><font color=red>some" * 300 + "<p>deep <b>words</b><p>last words",
        "<wrong>&nothing;</b>" * 5_000 + "<div>" * 300 + "<p>deep words<p>last words",
    ],
    ids=["divs", "inline", "never-closed", "after-many-errors"],
)
def test_a_page_is_read_however_deeply_it_nests(page: str) -> None:
    """Behind the 256th element all was lost, or there was "no text in it"."""
    head = "<html><head><title>Deep &amp; all</title><style>p {}</style></head><body>"
    built = parse(f"{head}<script>var no = 1;</script>{page}".encode(), "a.html")
    assert built.title == "Deep & all"
    assert "deep words" in built.text and built.text.endswith("last words")
    assert "{}" not in built.text and "var no" not in built.text


def test_a_deep_page_keeps_its_headings() -> None:
    page = "<html><body><h1>Pumps</h1>" + "<div>" * 300 + "<h2>Care &amp; oil</h2>words"
    built = parse(page.encode(), "a.html")
    assert [title for *_, title in built.headings] == ["Pumps", "Care & oil"]


def sheet(*rows: str, more: str = "") -> bytes:
    return make_xlsx({"Stock": f"<sheetData>{''.join(rows)}</sheetData>{more}"})


def row(number: int, *words: str) -> str:
    cells = "".join(
        f'<c r="{letter}{number}" t="inlineStr"><is><t>{word}</t></is></c>'
        for letter, word in zip("ABC", words, strict=False)
    )
    return f'<row r="{number}">{cells}</row>'


def test_rows_far_apart_are_few_rows() -> None:
    """Three rows, the last one at the end of the sheet: "more than 200,000 rows"."""
    far = sheet(
        row(1, "part", "count"), row(2, "valve", "7"),
        '<row r="900000"><c r="A900000" s="0"/></row>',
        row(1_048_575, "seal", "9"), row(1_048_576, "pump", "8"),
        more='<mergeCells><mergeCell ref="C1048575:C1048576"/></mergeCells>',
    )  # fmt: skip
    near = sheet(
        row(1, "part", "count"), row(2, "valve", "7"), row(4, "seal", "9"), row(5, "pump", "8")
    )
    found = parse(far, "a.xlsx")
    assert found.text == parse(near, "a.xlsx").text
    assert "valve | 7" in found.text and "pump | 8" in found.text


def test_a_merged_cell_stays_over_its_rows_when_these_move() -> None:
    found = parse(
        sheet(
            row(1, "a", "b", "c"), row(500_000, "x", "y", "both"), row(500_001, "z", "w"),
            more='<mergeCells><mergeCell ref="C500000:C500001"/></mergeCells>',
        ),
        "a.xlsx",
    )  # fmt: skip
    assert "x | y | both" in found.text and "z | w | both" in found.text


def test_rows_without_numbers_and_empty_cells_are_counted_as_they_are() -> None:
    bare = "<row><c><v>1</v></c></row>" * 30
    styled = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(31, 300))
    assert parse(sheet(bare, styled), "a.xlsx", rows=30).text.count("1") == 30
    with pytest.raises(UnreadableSource, match="more than 29 rows"):
        parse(sheet(bare, styled), "a.xlsx", rows=29)
