"""Which tests run, and in which order: a share of them by ``--share i/n``, the slow files first."""

from __future__ import annotations

import zlib

import pytest

# Files that start servers take minutes with few tests: begun last, they would leave one of two
# cores idle at the end.
SLOW_FIRST = (
    "tests/browser",
    "tests/services",
    "tests/faults",
    "tests/docs",
    "tests/chat/test_demo_answers",
    "tests/chat/test_whole_way",
    "tests/ingestion/test_kill",
    "tests/matrix",
    "tests/providers/test_faults",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", default="0/1", help="only the i-th of n shares of the tests: i/n")


def _rank(item: pytest.Item) -> int:
    ranks = [rank for rank, start in enumerate(SLOW_FIRST) if item.nodeid.startswith(start)]
    return ranks[0] if ranks else len(SLOW_FIRST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    index, _, count = config.getoption("--share").partition("/")
    kept = [item for item in items if zlib.crc32(item.nodeid.encode()) % int(count) == int(index)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = sorted(kept, key=_rank)
