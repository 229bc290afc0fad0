"""Merged cells: each row stands alone, and no value moves under another column."""

from __future__ import annotations

import io
import time

import docx

from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from tests.parsing.makers import make_odt, make_xlsx, paragraph, raw_docx, text_run

ROWS = [
    "Region | Year | Sales", "North | 2024 | 10", "North | 2025 | 12", "Total | Total | 22",
]  # fmt: skip


def read(data: bytes, key: str) -> list[str]:
    return parse_bytes(data, Hints(key), ContentLimits()).text.split("\n")


def test_merged_cells_of_docx_stand_in_all_their_places() -> None:
    document = docx.Document()
    table = document.add_table(rows=4, cols=3)
    for at, words in enumerate(("Region", "Year", "Sales")):
        table.cell(0, at).text = words
    table.cell(1, 0).merge(table.cell(2, 0)).text = "North"
    table.cell(3, 0).merge(table.cell(3, 1)).text = "Total"
    for row, column, words in ((1, 1, "2024"), (1, 2, "10"), (2, 1, "2025"), (2, 2, "12")):
        table.cell(row, column).text = words
    table.cell(3, 2).text = "22"
    out = io.BytesIO()
    document.save(out)
    assert read(out.getvalue(), "a.docx") == ROWS


def cell(words: str, facts: str = "") -> str:
    return f"<w:tc><w:tcPr>{facts}</w:tcPr>{paragraph(text_run(words))}</w:tc>"


def test_a_row_of_docx_may_begin_later_and_cells_merge_the_old_way() -> None:
    begun, goes_on = cell("b", '<w:hMerge w:val="restart"/>'), cell("", "<w:hMerge/>")
    body = (
        f"<w:tbl><w:tr>{cell('A')}{cell('B')}{cell('C')}</w:tr>"
        f"<w:tr><w:trPr><w:gridBefore w:val='1'/></w:trPr>{begun}{goes_on}</w:tr></w:tbl>"
    )
    assert read(raw_docx(body), "a.docx") == ["A | B | C", "| b | b"]


def test_merged_cells_of_odt_stand_in_all_their_places() -> None:
    def one(words: str, facts: str = "") -> str:
        return f"<table:table-cell {facts}><text:p>{words}</text:p></table:table-cell>"

    covered = "<table:covered-table-cell/>"
    lines = (
        one("Region") + one("Year") + one("Sales"),
        one("North", 'table:number-rows-spanned="2"') + one("2024") + one("10"),
        covered + one("2025") + one("12"),
        one("Total", 'table:number-columns-spanned="2"') + covered + one("22"),
        '<table:table-cell table:number-columns-repeated="2"/>' + one("end"),
    )
    rows = "".join(f"<table:table-row>{line}</table:table-row>" for line in lines)
    body = f"<table:table>{rows}</table:table>"
    assert read(make_odt(body), "a.odt") == [*ROWS, "| | end"]


def test_spans_that_only_claim_to_be_many_are_bounded() -> None:
    wide = cell("x" * 3_000, '<w:gridSpan w:val="999999999"/>')
    lines = read(raw_docx(f"<w:tbl>{f'<w:tr>{wide}</w:tr>' * 50}</w:tbl>"), "a.docx")
    assert sum(map(len, lines)) < 2_000_000
    claim = 'table:number-columns-spanned="999999999" table:number-rows-spanned="999999999"'
    spanned = f"<table:table-cell {claim}><text:p>x</text:p></table:table-cell>"
    covered = '<table:covered-table-cell table:number-columns-repeated="999999999"/>'
    row = f"<table:table-row>{spanned}{covered}</table:table-row>"
    assert read(make_odt(f"<table:table>{row * 50}</table:table>"), "a.odt")


def test_merged_cells_that_cover_a_sheet_again_and_again_cover_nothing() -> None:
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="ALL1"><v>2</v></c></row><row r="2"><c r="B2"><v>3'
        '</v></c></row><row r="1000"><c r="A1000"><v>4</v></c></row>'
    )
    ranges = '<mergeCell ref="A1:A2"/>' + '<mergeCell ref="A1:ALL1000"/>' * 60
    data = make_xlsx({"S": f"<sheetData>{rows}</sheetData><mergeCells>{ranges}</mergeCells>"})
    began = time.process_time()
    found = read(data, "a.xlsx")
    assert time.process_time() - began < 3.0
    assert found[-2:] == ["", "4"] and "1 | 3" in found
