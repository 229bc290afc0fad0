"""A table without a header: its first row is a row like the others, not what they are called."""

from __future__ import annotations

import pytest

from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.table_header import looks_like_header
from tests.parsing.makers import make_xlsx, xlsx_rows


def times(line: str, key: str, rows: str) -> int:
    """How often ``line`` stands in the text that ``rows`` becomes."""
    return parse_bytes(rows.encode(), Hints(key), ContentLimits()).text.split("\n").count(line)


@pytest.mark.parametrize(
    ("row", "first"),
    [
        ("user{0}@x.test,Anna {0} of the house,{0}", "user0@x.test | Anna 0 of the house | 0"),
        ("Anna {0} Smith,user{0}@x.test", "Anna 0 Smith | user0@x.test"),
        ("2024-01-{0:02},opened by Anna", "2024-01-00 | opened by Anna"),
        ("{0:02}.03.2024 10:15,opened by {0}", "00.03.2024 10:15 | opened by 0"),
        ("10:{0:02},opened by {0}", "10:00 | opened by 0"),
        ("10.0.0.{0},GET /page/{0}", "10.0.0.0 | GET /page/0"),
        ("https://x.test/{0},Page number {0}", "https://x.test/0 | Page number 0"),
        ("Anna {0} Smith,Berlin,n/a", "Anna 0 Smith | Berlin | n/a"),
        ("Anna {0} Smith,1{0},3.50 €", "Anna 0 Smith | 10 | 3.50 €"),
    ],
)
def test_a_first_row_of_values_is_repeated_above_no_others(row: str, first: str) -> None:
    rows = "".join(row.format(number) + "\n" for number in range(60)) * 3
    assert times(first, "a.csv", rows) == 3  # as often as it is there
    tabbed = rows.replace(",", "\t")
    assert times(first, "a.tsv", tabbed) == 3


@pytest.mark.parametrize(
    ("first", "below"),
    [
        (["Mail", "Since"], [["a@x.test", "2024-01-01"]] * 3),
        (["Region", "2023", "2024"], [["North", "7", "12"], ["South", "8", "9"]]),
        (["Region", "Total", "2020"], [["North", "7", "12"], ["South", "8", "9"]]),
        (["Task", "2024-01-01", "2024-01-08"], [["Build", "x", ""], ["Paint", "", "x"]]),
        (["Name", "City"], [["Anna", "Berlin"], ["Ben", "Berlin"]]),
        (["Name", "City"], [["Anna", "Berlin"], ["Name", "City"], ["Ben", "Name"], ["Name", "x"]]),
        (["Price", "Name"], [["", "Bolt"], ["3", "Nut"]]),
    ],
)
def test_a_first_row_of_names_is_a_header(first: list[str], below: list[list[str]]) -> None:
    assert looks_like_header(first, below)


def test_one_row_is_a_header_of_nothing() -> None:
    assert not looks_like_header(["Name", "City"], [])


def test_sheets_without_a_header_repeat_no_row() -> None:
    rows = [(f"user{number}@x.test", f"Name {number} of the house") for number in range(90)]
    data = make_xlsx({"S": xlsx_rows(rows)})
    text = parse_bytes(data, Hints("a.xlsx"), ContentLimits()).text
    assert text.count("user0@x.test") == 1
