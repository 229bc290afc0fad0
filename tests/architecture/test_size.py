"""Hard caps of size: a file has one reason to exist, a function fits a screen."""

from __future__ import annotations

from statistics import median

from tests.architecture.tree import ROOT, functions, modules

FILE_CAP, FUNCTION_CAP = 300, 60
FILE_MEDIAN, FUNCTION_MEDIAN = 90, 10


def _length(node: object) -> int:
    return node.end_lineno - node.lineno + 1  # type: ignore[attr-defined,no-any-return]


def test_files_and_functions_keep_their_caps() -> None:
    files = {path: len((ROOT / path).read_text().splitlines()) for path in modules()}
    long_files = {path: lines for path, lines in files.items() if lines > FILE_CAP}
    long_functions = [
        f"{path}:{function.lineno} {function.name} {_length(function)}"
        for path, tree in modules().items()
        for function in functions(tree)
        if _length(function) > FUNCTION_CAP
    ]
    assert not long_files
    assert not long_functions


def test_the_median_stays_small() -> None:
    files = [n for path in modules() if (n := len((ROOT / path).read_text().splitlines()))]
    sizes = [_length(function) for tree in modules().values() for function in functions(tree)]
    assert median(files) <= FILE_MEDIAN
    assert median(sizes) <= FUNCTION_MEDIAN
