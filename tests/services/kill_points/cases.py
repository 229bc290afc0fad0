"""The cases: what is done to a source, where its worker is hit, and what must hold afterwards."""

from __future__ import annotations

import signal
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.doubles.wire import PHASES, Fault, Phase
from tests.services.kill_points.rig import LEASE, WIRES, Lane, Rig

DEEDS = ("kill", "cut")
OPERATIONS = ("create", "replace", "delete", "page")
# A worker that no fault met has done its work by then.
_UNDISTURBED = 20.0
_DOCUMENTS = 3
Texts = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One place where a worker is hit."""

    operation: str
    wire: str
    number: int
    phase: Phase
    deed: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.deed} {self.phase} {self.wire} {self.number}"


@dataclass(frozen=True, slots=True)
class Clean:
    """An undisturbed run: what crossed each wire, and what a search found before and after."""

    crossings: Mapping[str, list[str]]
    old: Texts
    new: Texts


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case; ``met`` is False where its crossing never came."""

    point: Point
    met: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class _Made:
    """One tenant with its source, ready for the operation."""

    name: str
    key: str
    tenant: str
    source: str


def text(number: int, version: int) -> str:
    """A document of which version 2 keeps some, changes some, and drops some."""
    parts = [f"# Document {number}"]
    parts += [f"## Part {part}\n\nPart {part} of {number} stands." for part in range(4 - version)]
    parts.append(f"## Version\n\nThis is version {version} of {number}.")
    return "\n\n".join(parts)


def files(version: int) -> dict[str, str]:
    return {f"d{number}.md": text(number, version) for number in range(_DOCUMENTS)}


def points_of(cleans: Mapping[str, Clean]) -> list[Point]:
    """Every crossing, phase and deed, in an order that spreads them evenly."""
    points = [
        Point(operation, wire, number, phase, deed)
        for operation, clean in cleans.items()
        for wire, labels in clean.crossings.items()
        for number in range(1, len(labels) + 1)
        for phase in PHASES
        for deed in DEEDS
    ]
    return sorted(points, key=lambda point: zlib.crc32(str(point).encode()))


def undisturbed(rig: Rig, lane: Lane, operation: str) -> Clean:
    """Run ``operation`` once without a fault."""
    made = _prepare(rig, lane, operation)
    old = _look(lane, made)
    for wire in lane.wires.values():
        wire.arm(None)
    job = _schedule(lane, made, operation)
    worker = lane.worker()
    worker.go()
    ended = lane.clerk.ask("wait_for_end", job=job, seconds=_UNDISTURBED)
    crossings = {name: list(lane.wires[name].log) for name in WIRES}
    worker.close()
    assert ended["state"] == "succeeded", (ended, rig.zygote.output)
    new = _look(lane, made)
    _assert_whole(rig, lane, made, operation)
    return Clean(crossings, old, new)


def run(rig: Rig, lane: Lane, point: Point, clean: Clean) -> Result:
    """One case from its rows to its end; asserts all that must hold."""
    made = _prepare(rig, lane, point.operation)
    job = _schedule(lane, made, point.operation)
    worker = lane.worker()
    fault = Fault(point.number, point.phase)
    if point.deed == "kill":
        fault.deed = worker.kill
    for name, wire in lane.wires.items():
        wire.arm(fault if name == point.wire else None)
    worker.go()
    met = _until_met(lane, job, fault)
    struck = time.monotonic()
    _assert_old_or_new(point, clean, _look(lane, made))
    lane.beat.send(signal.SIGCONT)
    if met and point.deed == "kill":
        worker = lane.worker()
        worker.go()
    ended = lane.clerk.ask("wait_for_end", job=job, seconds=LEASE + 30)
    lane.beat.send(signal.SIGSTOP)
    where = (str(point), fault.where, ended)
    if ended["state"] in ("queued", "running"):
        worker.say_where()
        raise AssertionError((where, rig.zygote.output[-20_000:]))
    worker.close()
    if _may_refuse(point) and ended["state"] == "failed":
        assert ended["error"]["code"] == "unreadable_source", where
        assert _look(lane, made) == clean.old, where
        return Result(point, met, time.monotonic() - struck)
    assert ended["state"] == "succeeded", where
    assert _look(lane, made) == clean.new, where
    _assert_whole(rig, lane, made, point.operation, where)
    return Result(point, met, time.monotonic() - struck)


def _may_refuse(point: Point) -> bool:
    """A web site that breaks off is a fault of the source's own: what was read before it stays."""
    return point.wire == "site" and point.deed == "cut"


def _prepare(rig: Rig, lane: Lane, operation: str) -> _Made:
    name = f"k{uuid4().hex[:12]}"
    key = f"sk-{name}"
    lane.forget_messages()
    for wire in lane.wires.values():
        wire.heal()
    path = f"/{name}.md"
    url = f"http://127.0.0.1:{lane.wires['site'].port}{path}" if operation == "page" else ""
    base = f"http://127.0.0.1:{lane.wires['provider'].port}/v1"
    first = {} if url else files(1)
    rig.site.page(path, text(0, 1).encode(), Content_Type="text/markdown")
    ids = lane.clerk.ask("make", name=name, key=key, base=base, url=url, files=first)
    made = _Made(name, key, ids["tenant"], ids["source"])
    if operation != "create":
        done = lane.clerk.ask("ingest_now", tenant=made.tenant)
        assert done["state"] == "succeeded", done
    if operation == "replace":
        lane.clerk.ask("upload", tenant=made.tenant, files=files(2))
    rig.site.page(path, text(0, 2).encode(), Content_Type="text/markdown")
    lane.forget_messages()
    return made


def _schedule(lane: Lane, made: _Made, operation: str) -> str:
    deed = "delete" if operation == "delete" else "ingest"
    return str(lane.clerk.ask("schedule", tenant=made.tenant, deed=deed)["job"])


def _until_met(lane: Lane, job: str, fault: Fault) -> bool:
    """Whether the crossing came before the job ended without it."""
    begun = time.monotonic()
    while not fault.met.wait(0.02):
        ended = lane.clerk.ask("wait_for_end", job=job, seconds=0.0)
        if ended["state"] not in ("queued", "running"):
            return fault.met.wait(0.2)
        if time.monotonic() - begun > _UNDISTURBED:
            return False
    return True


def _look(lane: Lane, made: _Made) -> dict[str, Any]:
    return lane.clerk.ask("look", tenant=made.tenant, source=made.source)


def _assert_old_or_new(point: Point, clean: Clean, seen: Texts) -> None:
    """Each document as it was or as it shall be, whole."""
    before = {} if point.operation == "delete" else clean.old
    for title in {*before, *clean.new, *seen}:
        texts = seen.get(title)
        assert texts in (before.get(title), clean.new.get(title)), (str(point), title, texts)


def _assert_whole(rig: Rig, lane: Lane, made: _Made, operation: str, where: Any = "") -> None:
    report = lane.clerk.ask("report", tenant=made.tenant, source=made.source)
    where = (where, report)
    assert report["clean"] and report["points"] == report["rows"], where
    assert (report["rows"] == 0) is (operation == "delete"), where
    assert report["stale"] == 0 and set(report["statuses"]) <= {"ready"}, where
    assert report["files"] == report["named"], where
    _assert_metered(rig, made, report["calls"], where)
    rig.forget_collection(made.name)


def _assert_metered(rig: Rig, made: _Made, calls: list[list[Any]], where: Any) -> None:
    """Each charged call has its row: exact, or as estimated where nobody read the answer."""
    meter = rig.openai.meters[made.key]
    exact = [tokens for status, tokens, estimated in calls if not estimated]
    assert {status for status, _, _ in calls} <= {"settled"}, where
    where = (where, meter)
    assert len(exact) <= meter.calls <= len(calls), where
    assert sum(exact) <= meter.input_tokens, where
    if len(exact) == len(calls):
        assert sum(exact) == meter.input_tokens, where
