"""CSV and JSON lines: no sign inside a cell or a string moves what stands beside it."""

from __future__ import annotations

import json

import pytest

from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes


def lines(text: str, key: str) -> list[str]:
    return parse_bytes(text.encode(), Hints(key), ContentLimits()).text.split("\n")


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
def test_a_line_sign_in_a_string_cuts_no_record(sign: str) -> None:
    records = [{"id": number, "text": f"one{sign}two"} for number in range(2)]
    text = "\r\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    found = lines(text, "a.jsonl")
    assert found == ["id: 0", "text: one", "two", "", "id: 1", "text: one", "two"]


def test_a_cell_as_long_as_an_article_moves_no_column() -> None:
    long = "word " * 30_000
    found = lines(f'id,text,note\n1,"a, b",x\n2,"{long}, end","c, d"\n3,"e, f",y\n', "a.csv")
    assert "1 | a, b | x" in found and "3 | e, f | y" in found
    assert f"2 | {long.strip()} , end | c, d" in found


def test_a_quote_behind_a_blank_is_one() -> None:
    assert lines('id, text\n1, "a, b"\n2, c\n', "a.csv") == ["id | text", "1 | a, b", "2 | c"]


def test_a_quote_that_is_never_closed_is_a_sign_in_its_row_only() -> None:
    rows = ["a,b", '1,"x, y"', '2,"two\nlines"', '3,"open', "4,w", "5,v"]
    assert lines("\n".join(rows), "a.csv") == [
        "a | b", "1 | x, y", "2 | two lines", '3 | "open', "4 | w", "5 | v",
    ]  # fmt: skip


def test_a_decimal_comma_cuts_no_cell() -> None:
    assert lines("A;1,50\nB;2,50\nC;3,00", "a.csv") == ["A | 1,50", "B | 2,50", "C | 3,00"]
    assert lines("1,2\n3,4\n", "a.csv") == ["1 | 2", "3 | 4"]
    assert lines("a;b,1\nc;d,2\n", "a.csv") == ["a;b | 1", "c;d | 2"]


def test_words_above_a_table_are_not_its_header() -> None:
    rows = "".join(f"part {number};{number}\n" for number in range(200))
    groups = "\n".join(lines(f"Report 2024\n# all parts\n\nName;Count\n{rows}", "a.csv")).split(
        "\n\n"
    )
    assert groups[0] == "Report 2024\n# all parts"
    assert len(groups) > 2 and all(one.startswith("Name | Count\npart ") for one in groups[1:])
    assert lines("a\nb\n1,2\n", "a.csv") == ["a", "b", "1 | 2"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '{"a": 1, "b": {"x": 1, "x": [2]}, "a": 2}',
            ["a: 1", "", "b", "b.x: 1", "b.x: 2", "a: 2"],
        ),
        ('{"a": NaN, "b": [Infinity, -Infinity]}', ["a: NaN", "", "b", "b: Infinity, -Infinity"]),
        ('{"id": 123456789012345678901234567890}', ["id: 123456789012345678901234567890"]),
        ('{"m": [[1, 2], [3, [4]]]}', ["m", "", "m[0]: 1, 2", "", "m[1][0]: 3", "m[1][1]: 4"]),
        ('{\n "a": 1\n}\n{\n "a": 2\n}\n', ["a: 1", "", "a: 2"]),
        ('{"a": 1}{"a": 2},\n{"a": 3}', ["a: 1", "", "a: 2", "", "a: 3"]),
        ('{"a": 1}\nno\n{"a": 2}', ["a: 1", "", "a: 2"]),
    ],
)
def test_no_value_of_json_is_lost(text: str, found: list[str]) -> None:
    assert lines(text, "a.json") == found
