"""``kill -9`` and a cut line at every crossing of the wire: it ends, whole, without a human.

A worker of the service shape stands behind a proxy for each dependency. An undisturbed run numbers
what crosses: then the worker is killed, or the connection cut, at each crossing, before it is
forwarded, while its reply is held back, and after the reply.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from tests.processes import ROOT
from tests.services.kill_points.cases import (
    DEEDS,
    OPERATIONS,
    Clean,
    Point,
    Result,
    points_of,
    run,
    undisturbed,
)
from tests.services.kill_points.rig import LEASE, Lane, Rig, running_rig

_LANES = 4
# Cases of the normal run, others for each commit; and parts of the whole, for the long tier.
_GATE = 48
_SHARDS = 40
# So many crossings an undisturbed run has at least: below, something is not behind its proxy.
_FLOOR = {
    "create": {"database": 60, "redis": 5, "qdrant": 5, "provider": 2, "site": 0},
    "replace": {"database": 60, "redis": 5, "qdrant": 4, "provider": 1, "site": 0},
    "delete": {"database": 25, "redis": 5, "qdrant": 2, "provider": 0, "site": 0},
    "page": {"database": 40, "redis": 5, "qdrant": 4, "provider": 1, "site": 1},
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("rig"), _LANES) as running:
        yield running
        assert running.violations() == []


@pytest.fixture(scope="module")
def cleans(rig: Rig) -> dict[str, Clean]:
    """Undisturbed runs of all operations."""
    return {operation: undisturbed(rig, rig.lanes[0], operation) for operation in OPERATIONS}


def test_an_undisturbed_run_is_wholly_behind_the_proxies(cleans: dict[str, Clean]) -> None:
    for operation, clean in cleans.items():
        counts = {wire: len(labels) for wire, labels in clean.crossings.items()}
        sys.stdout.write(f"{operation}: {counts}\n")
        for wire, least in _FLOOR[operation].items():
            assert counts[wire] >= least, (operation, counts)
    old, new = cleans["replace"].old, cleans["replace"].new
    assert cleans["create"].old == cleans["delete"].new == {}
    assert old == cleans["create"].new == cleans["delete"].old
    assert len(old) == len(new) == 3
    for number in range(3):
        first, second = old[f"Document {number}"], new[f"Document {number}"]
        assert any(f"version 1 of {number}" in text for text in first)
        assert any(f"version 2 of {number}" in text for text in second)
        assert len(second) < len(first), "version 2 dropped a part"


def try_all(rig: Rig, cleans: dict[str, Clean], points: Sequence[Point]) -> list[Result]:
    """All of ``points``, a lane each at a time; raises the first failure at the end."""
    free: SimpleQueue[Lane] = SimpleQueue()
    for lane in rig.lanes:
        free.put(lane)

    def one(point: Point) -> Result:
        lane = free.get()
        try:
            return run(rig, lane, point, cleans[point.operation])
        finally:
            free.put(lane)

    begun = time.monotonic()
    with ThreadPoolExecutor(len(rig.lanes)) as pool:
        results = list(pool.map(one, points))
    met = [result for result in results if result.met]
    slowest = max(result.seconds for result in met)
    sys.stdout.write(
        f"kill points: cases {len(points)}, met {len(met)}, passed {len(results)}, "
        f"{(time.monotonic() - begun) / len(points):.2f} s each, slowest end {slowest:.1f} s\n"
    )
    assert slowest < LEASE + 30
    # The last crossings of a run may come after its job has ended.
    assert len(met) >= 0.8 * len(points)
    return results


def commit_number() -> int:
    """Changes with each commit."""
    command = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return int(found.stdout.strip()[:8] or "0", 16)


def share_of(points: Sequence[Point], number: int) -> list[Point]:
    """As many of each operation and deed, others for each ``number``."""
    kinds = [(operation, deed) for operation in OPERATIONS for deed in DEEDS]
    each = _GATE // len(kinds)
    chosen = []
    for kind in kinds:
        own = [point for point in points if (point.operation, point.deed) == kind]
        step = len(own) // each
        chosen += own[number % step :: step][:each]
    return chosen


def test_a_share_of_the_kill_points(rig: Rig, cleans: dict[str, Clean]) -> None:
    chosen = share_of(points_of(cleans), commit_number())
    assert len(set(chosen)) == _GATE
    try_all(rig, cleans, chosen)


@pytest.mark.long
@pytest.mark.parametrize("shard", range(_SHARDS))
def test_every_kill_point(rig: Rig, cleans: dict[str, Clean], shard: int) -> None:
    points = points_of(cleans)
    assert len(points) >= 1350
    try_all(rig, cleans, points[shard::_SHARDS])
