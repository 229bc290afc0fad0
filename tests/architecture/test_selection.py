"""The gate leaves nothing out for good: its days are all heavy tests, and CI runs the rest."""

from __future__ import annotations

from pathlib import Path

from tests.gate import SHARES
from tests.selection import HEAVY, is_wanted

ROOT = Path(__file__).resolve().parents[2]
HEAVY_ONES = [f"{start}_x.py::test_{number}" for start in HEAVY for number in range(50)]
QUICK = "tests/ground/test_types.py::test_a"


def test_each_heavy_file_is_there() -> None:
    for start in HEAVY:
        assert list(ROOT.glob(f"{start}*.py")), start


def test_a_day_and_its_rest_are_everything_once() -> None:
    for day in range(SHARES):
        share = f"{day}/{SHARES}"
        assert is_wanted(QUICK, share) and not is_wanted(QUICK, f"!{share}")
        for name in HEAVY_ONES:
            assert is_wanted(name, share) != is_wanted(name, f"!{share}")


def test_each_heavy_test_has_its_day() -> None:
    for name in HEAVY_ONES:
        assert sum(is_wanted(name, f"{day}/{SHARES}") for day in range(SHARES)) == 1


def test_a_file_of_the_matrix_runs_whole() -> None:
    of_matrix = [name for name in HEAVY_ONES if "/matrix/" in name]
    files = {name.partition("::")[0] for name in of_matrix}
    for day in range(SHARES):
        wanted = {n.partition("::")[0] for n in of_matrix if is_wanted(n, f"{day}/{SHARES}")}
        left = {n.partition("::")[0] for n in of_matrix if is_wanted(n, f"!{day}/{SHARES}")}
        assert wanted.isdisjoint(left) and wanted | left == files
