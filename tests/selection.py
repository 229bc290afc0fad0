"""Which tests run, and in which order: a share of them by ``--share i/n``, the slow files first."""

from __future__ import annotations

import zlib

import pytest

# Files that start servers take minutes with few tests: begun last, they would leave one of two
# cores idle at the end. The first one makes the demo that later ones copy: they come when it is
# there, so that nobody waits.
SLOW_FIRST = (
    "tests/browser/test_demo_chat",
    "tests/services",
    "tests/faults",
    "tests/browser",
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
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        ours = zlib.crc32(item.nodeid.encode()) % int(count) == int(index)
        (kept if ours else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(kept, key=_rank)
