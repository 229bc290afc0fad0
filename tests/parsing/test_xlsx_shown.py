"""XLSX: numbers and dates as the sheet shows them, and what stands beside the cells of each."""

from __future__ import annotations

import io
import random
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.number_formats import shown_number
from ingestion.parsing.number_moments import shown_moment
from ingestion.parsing.parsers import parse_bytes
from tests.parsing.makers import make_xlsx, xlsx_rows

MOMENT = datetime(2024, 3, 5, 14, 7, 9)
ACCOUNTS = '_-* #,##0.00 "€"_-;-* #,##0.00 "€"_-;_-* "-"?? "€"_-;_-@_-'


def parse(data: bytes) -> Built:
    return parse_bytes(data, Hints("a.xlsx"), ContentLimits())


def written(cells: list[tuple[Any, Any]]) -> bytes:
    """A sheet of one column under a header: values and their formats."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("S")
        sheet.write(0, 0, "Value")
        for row, (value, code) in enumerate(cells, 1):
            shown = book.add_format({"num_format": code}) if code else None
            if isinstance(value, datetime | time | timedelta):
                sheet.write_datetime(row, 0, value, shown)
            else:
                sheet.write(row, 0, value, shown)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (0.15, "0%", "15%"), (0.155, "0.0%", "15.5%"), (1234.5, "#,##0.00", "1,234.50"),
        (42, "00000", "00042"), (-5.5, "0.00", "-5.50"), (-5.5, "0.00;(0.00)", "(5.50)"),
        (0, '0;-0;"none"', "none"), (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (1234.5, '#,##0.00\\ "€"', "1,234.50 €"), (1_234_567, '0.0,,"M"', "1.2M"),
        (12_345, "0.00E+00", "1.23E+04"), (12_345, "##0.0E+0", "12.3E+3"),
        (99.99, "0.0E+0", "1.0E+2"), (2.5, "# ?/?", "2 1/2"), (2.375, "# ?/8", "2 3/8"),
        (3, "# ?/?", "3"), (0.333, "# ?/?", "1/3"), (-2.5, "# ??/??", "-2 1/2"),
        (5_551_234_567, "(000) 000-0000", "(555) 123-4567"),
        (5_551_234, "[<=9999999]###-####;(###) ###-####", "555-1234"),
        (0.1 + 0.2, "General", "0.3"), (0.1 + 0.2, "", "0.3"), (5, "0.##", "5"),
        (1.005, "0.00", "1.01"), (-0.001, "0.00", "0.00"), (5, 'General" kg"', "5 kg"),
        (1234.5, ACCOUNTS, "1,234.50 €"), (-1234.5, ACCOUNTS, "-1,234.50 €"),
        (3, '0 "items, in all"', "3 items, in all"), (1e300, "0", "1" + "0" * 300),
        (1, "x" * 300, "1"), (1.5, "0" + "%" * 250, "1.5"),
        (5, "0 e", "5 e"), (float("inf"), "0%", "INF"), (7, "#,##0", "7"),
    ],
)  # fmt: skip
def test_a_number_is_written_in_its_format(value: float, code: str, shown: str) -> None:
    assert shown_number(float(value), code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (MOMENT, "dd.mm.yyyy", "05.03.2024"), (MOMENT, "d/m/yy h:mm AM/PM", "5/3/24 2:07 PM"),
        (MOMENT, "mmmm d, yyyy", "March 5, 2024"), (MOMENT, "[$-409]d\\-mmm\\-yy;@", "5-Mar-24"),
        (MOMENT, "mm:ss.0", "07:09.0"), (MOMENT, 'yyyy"年"m"月"d"日"', "2024年3月5日"),
        (MOMENT, 'e"年"m"月"d"日"', "2024年3月5日"), (MOMENT, "[$-404]e/m/d", "2024/3/5"),
        (time(0, 1, 4, 600_000), "mm:ss.0", "01:04.6"), (time(0, 0, 4, 50_000), "s.00\\ 0", "4.05"),
        (timedelta(seconds=64.128), "s.000", "4.128"), (MOMENT.date(), "dddd", "Tuesday"),
        (timedelta(hours=36), "[h]:mm", "36:00"),
        (time(9, 5), "h:mm", "9:05"), (MOMENT, "[$-F800]dddd, mmmm", None), (MOMENT, "0.0", None),
    ],
)  # fmt: skip
def test_a_moment_is_written_in_its_format(value: Any, code: str, shown: str | None) -> None:
    assert shown_moment(value, code) == shown


def test_cells_are_shown_in_the_formats_of_their_styles() -> None:
    cells = [
        (0.15, "0%"), (42, "00000"), (0.1 + 0.2, ""), (MOMENT, "dd.mm.yyyy hh:mm"), (True, ""),
        (time(12, 30), "h:mm"), (MOMENT, 14), ("007", ""), (timedelta(days=1.5), "[h]:mm"),
        (MOMENT, 'e"年"m"月"d"日"'),
    ]  # fmt: skip
    assert parse(written(cells)).text.split("\n")[2:] == [
        "Value", "15%", "00042", "0.3", "05.03.2024 14:07", "TRUE", "12:30", "2024-03-05 14:07:09",
        "007", "36:00", "2024年3月5日",
    ]  # fmt: skip


def test_rows_far_apart_keep_their_formats() -> None:
    styles = (
        b'<styleSheet><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
        b'<cellXfs><xf numFmtId="0"/><xf numFmtId="10"/></cellXfs></styleSheet>'
    )
    rows = "".join(
        f'<row r="{row}"><c r="B{row}" s="{row % 2}"><v>0.5</v></c></row>'
        for row in (1, 2, 900_001)
    )
    data = make_xlsx({"S": f"<sheetData>{rows}</sheetData>"}, {"xl/styles.xml": styles})
    assert parse(data).text == "S\n\n50.00%\n0.5\n50.00%"


def test_each_sheet_has_its_own_comments_boxes_and_charts() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        first = book.add_worksheet("First")
        for row, value in enumerate(("Share", 0.1 + 0.2, None, 0.5)):
            first.write(row, 0, value, book.add_format({"num_format": "0%"}))
        first.write_comment(1, 0, "About thirty")
        first.insert_textbox(8, 0, "Words in a box")
        for name in ("On the sheet", "Alone"):
            chart = book.add_chart({"type": "line"})
            chart.add_series({"values": "=First!$A$2:$A$4"})
            chart.set_title({"name": name})
            if name == "Alone":
                book.add_chartsheet("Picture").set_chart(chart)
            else:
                first.insert_chart(10, 0, chart)
        last = book.add_worksheet("Last")
        last.hide()
        last.write(0, 0, "end")
        last.write_comment(0, 0, "The end")
    text = parse(out.getvalue()).text
    places = [text.index(words) for words in (
        "First", "30%", "Comment on A2: About thirty", "On the sheet", "Words in a box", "Picture",
        "Alone", "Last", "end", "Comment on A1: The end",
    )]  # fmt: skip
    assert places == sorted(places)
    assert text.count("On the sheet") == text.count("About thirty") == 1


def test_an_answered_comment_is_read_without_the_words_for_older_versions() -> None:
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = (
        f'<Relationships><Relationship Id="a" Type="{kinds}/comments" Target="../comments1.xml"/>'
        f'<Relationship Id="b" Type="{kinds}/threadedComment" Target="../threadedComments/t.xml"/>'
        "</Relationships>"
    )
    old = '<comments><comment ref="A1"><t>[Threaded comment] Your version</t></comment></comments>'
    new = (
        '<T><threadedComment ref="A1" personId="p"><text>Is it so?</text></threadedComment>'
        '<threadedComment ref="A1"><text>It is.</text></threadedComment></T>'
    )
    parts = {
        "xl/worksheets/_rels/sheet1.xml.rels": rels,
        "xl/comments1.xml": old,
        "xl/threadedComments/t.xml": new,
        "xl/persons/person.xml": '<p><person id="p" displayName="Ada"/></p>',
    }
    data = make_xlsx({"S": "<sheetData/>"}, {name: text.encode() for name, text in parts.items()})
    assert parse(data).text == "S\n\nComment on A1 by Ada: Is it so?\n\nComment on A1: It is."


def test_points_of_a_chart_stand_beside_their_categories() -> None:
    chart = (
        "<chart><ser><cat><lvl><pt idx='0'><v>Q1</v></pt><pt idx='1'><v>Q2</v></pt>"
        "<pt idx='2'><v>Q1</v></pt></lvl><lvl><pt idx='0'><v>2023</v></pt>"
        "<pt idx='2'><v>2024</v></pt></lvl></cat><val><formatCode>0%</formatCode>"
        "<pt idx='0'><v>0.1</v></pt><pt idx='2'><v>0.30000000000000004</v></pt></val></ser></chart>"
    )
    data = make_xlsx({"S": "<sheetData/>"}, {"xl/charts/chart1.xml": chart.encode()})
    assert parse(data).text == "S\n\n2023 Q1 | 10%\n2023 Q2\n2024 Q1 | 30%"


def test_errors_are_shown_as_the_sheet_shows_them() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("S")
        sheet.write_row(0, 0, ["Item", "Share"])
        for row, error in enumerate(("#DIV/0!", "#N/A"), 1):
            sheet.write(row, 0, f"Item {row}")
            sheet.write_formula(row, 1, "=1/0", None, error)
        sheet.write_row(3, 0, ['a t="e" b', 0.5])
    assert parse(out.getvalue()).text == (
        'S\n\nItem | Share\nItem 1 | #DIV/0!\nItem 2 | #N/A\na t="e" b | 0.5'
    )


def test_a_picture_that_is_damaged_costs_no_sheet_its_errors() -> None:
    sheet = '<sheetData><row r="1"><c r="A1" t="e"><v>#DIV/0!</v></c></row></sheetData>'
    picture = random.Random(3).randbytes(300)  # what cannot be packed stands there as it is
    whole = make_xlsx({"S": sheet}, {"xl/media/image1.png": picture})
    damaged = whole.replace(picture[:20], bytes(20))
    assert damaged != whole
    assert parse(damaged).text == parse(whole).text == "S\n\n#DIV/0!"


@pytest.mark.parametrize("code", ["#,##0 Euro", "0 EUR"])
def test_words_of_a_format_stay_as_they_are_written(code: str) -> None:
    assert shown_number(5.0, code) == code.replace("#,##", "").replace("0", "5")


@pytest.mark.parametrize("last", [3, 900_001])
def test_an_error_that_newer_versions_have_is_no_damage(last: int) -> None:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}"><v>{row}</v></c><c s="0" t="e" r="B{row}"><f>A1#</f>'
        f"<v>{error}</v></c></row>"
        for row, error in ((1, "#SPILL!"), (2, "#REF!"), (last, "#CALC!"))
    )
    text = parse(make_xlsx({"S": f"<sheetData>{rows}</sheetData>"})).text
    assert text.split() == ["S", "1", "|", "#SPILL!", "2", "|", "#REF!", str(last), "|", "#CALC!"]


def test_a_part_beside_the_sheets_that_is_damaged_costs_itself_only() -> None:
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = (
        f'<Relationships><Relationship Id="a" Type="{kinds}/comments" Target="../comments1.xml"/>'
        f'<Relationship Id="b" Type="{kinds}/threadedComment" Target="../threadedComments/t.xml"/>'
        f'<Relationship Id="c" Type="{kinds}/drawing" Target="../drawings/d.xml"/>'
        "</Relationships>"
    )
    old = '<comments><comment ref="A1"><t>[Threaded comment] Is it so?</t></comment></comments>'
    parts = {
        "xl/worksheets/_rels/sheet1.xml.rels": rels,
        "xl/comments1.xml": old,
        "xl/threadedComments/t.xml": "<T><threadedComment",
        "xl/persons/person.xml": "no XML & nothing",
        "xl/drawings/d.xml": "<wsDr><a></wsDr>",
        "xl/charts/chart1.xml": "",
    }
    made = {name: text.encode() for name, text in parts.items()}
    data = make_xlsx({"S": xlsx_rows([["Item", "Price"], ["Tea", 3]])}, made)
    assert parse(data).text == (
        "S\n\nItem | Price\nTea | 3\n\nComment on A1: [Threaded comment] Is it so?"
    )
