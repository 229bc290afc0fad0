"""tests/incidents.md names a test for every failure, and each of them is there and can run."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.architecture.tree import ROOT

ROWS = 96
EXTRA = 3
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def table() -> list[tuple[str, str, str, str]]:
    """Number, what happened elsewhere, why it cannot here, and the tests, row by row."""
    lines = (ROOT / "tests" / "incidents.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [(one[0], one[1], one[2], one[3]) for one in cells if re.fullmatch(r"\d+|\+", one[0])]


@cache
def collected_from(path: str) -> set[str]:
    """Names that pytest would collect from a file: functions, and classes that are test cases."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found |= {node.name} if node.name.startswith("test_") else set()
        elif isinstance(node, ast.ClassDef):
            found |= {node.name} if "TestCase" in ast.dump(node) else set()
    return found


def test_every_row_is_there_once() -> None:
    numbers = [number for number, *_ in table()]
    assert sorted(int(one) for one in numbers if one != "+") == list(range(1, ROWS + 1))
    assert numbers.count("+") == EXTRA
    assert all(all(row) for row in table())


@pytest.mark.parametrize("row", table(), ids=lambda row: f"{row[0]}-{row[1][:30]}")
def test_its_tests_exist(row: tuple[str, str, str, str]) -> None:
    named = _TEST.findall(row[3])
    if row[3].startswith("none:"):
        assert len(row[3].split()) <= 4 and not named, "say why in three words"
    else:
        assert named
    for path, name in named:
        assert name in collected_from(path), f"{path} has no {name}"


def test_named_tests_stand_in_the_table() -> None:
    """``test_incident_015_…`` belongs to row 15."""
    told = {(number, name) for number, _, _, tests in table() for _, name in _TEST.findall(tests)}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for number, name in re.findall(r"def (?=test_incident_(\d{3}))(\w+)\(", path.read_text()):
            assert (str(int(number)), name) in told, name
