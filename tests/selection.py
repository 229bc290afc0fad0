"""Which tests run, and in which order.

``--share i/n`` keeps a share of all tests, ``--heavy i/n`` a share of those of heavy files, beside
all others, and ``--heavy !i/n`` the other shares of those alone. Slow files come first.
"""

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

# Most of the time goes into these. The gate runs a fifth of them, another one each day.
HEAVY = (
    "tests/browser/test_demo_console",
    "tests/browser/test_job_pages",
    "tests/browser/test_lists",
    "tests/browser/test_long_names",
    "tests/chat/test_whole_way",
    "tests/chat/test_wire",
    "tests/faults/",
    "tests/ingestion/test_archive_uploads",
    "tests/ingestion/test_cancel",
    "tests/ingestion/test_crawls",
    "tests/ingestion/test_deletion",
    "tests/ingestion/test_fairness",
    "tests/ingestion/test_fsck",
    "tests/ingestion/test_kept_credentials",
    "tests/ingestion/test_model_change",
    "tests/ingestion/test_pauses",
    "tests/ingestion/test_poison",
    "tests/ingestion/test_preview_histories",
    "tests/ingestion/test_provider_faults",
    "tests/ingestion/test_rebuild",
    "tests/ingestion/test_store_faults",
    "tests/ingestion/test_sync_histories",
    "tests/ingestion/test_tenant_deletion",
    "tests/ingestion/test_web_sync",
    "tests/matrix/test_audit_rows",
    "tests/matrix/test_bodies",
    "tests/matrix/test_console",
    "tests/parsing/test_batches",
    "tests/parsing/test_bounds",
    "tests/parsing/test_hostile",
    "tests/parsing/test_large_text",
    "tests/parsing/test_sandbox",
    "tests/providers/test_faults",
    "tests/vectorstores/test_edge",
    "tests/vectorstores/test_qdrant_faults",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", default="0/1", help="only the i-th of n shares of the tests: i/n")
    parser.addoption(
        "--heavy", default="0/1", help="i/n: that share of the heavy tests; !i/n: only the others"
    )


def _rank(item: pytest.Item) -> int:
    ranks = [rank for rank, start in enumerate(SLOW_FIRST) if item.nodeid.startswith(start)]
    return ranks[0] if ranks else len(SLOW_FIRST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    share, heavy = config.getoption("--share"), config.getoption("--heavy")
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        ours = is_of_share(item.nodeid, share) and is_wanted(item.nodeid, heavy)
        (kept if ours else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(kept, key=_rank)


def is_of_share(nodeid: str, share: str) -> bool:
    """Whether ``nodeid`` is of the ``share`` i/n."""
    index, _, count = share.partition("/")
    return zlib.crc32(nodeid.encode()) % int(count) == int(index)


def is_wanted(nodeid: str, heavy: str) -> bool:
    """Whether ``nodeid`` runs with ``--heavy``."""
    others = heavy.startswith("!")
    if not nodeid.startswith(HEAVY):
        return not others
    # A file of the matrix counts its cases: it runs as a whole.
    unit = nodeid.partition("::")[0] if nodeid.startswith("tests/matrix") else nodeid
    return is_of_share(unit, heavy.removeprefix("!")) != others
