"""Medians, percentiles and a table on standard output."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and of the processors: this process, its children and theirs."""

    wall: float
    cpu: float


def spent(work: Callable[[], object]) -> Spent:
    """What ``work`` takes."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    return Spent(time.perf_counter() - wall, cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """Of this process and of all below it, those that ended too (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(_ticks(pid) for pid in [os.getpid(), *descendants(os.getpid())]) / ticks


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it just ended: its parent has it among its ended children
        return 0
    return sum(map(int, fields[11:15]))


def descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        own = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    return own + [below for child in own for below in descendants(child)]


def median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns wide enough for what is in them."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
