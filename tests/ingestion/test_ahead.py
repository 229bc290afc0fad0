"""How far ahead of the window documents are read, and what becomes of it when a run ends early."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import pytest

from ingestion.leases import Cancelled, JobRun
from ingestion.leases.beside import GivenUp
from ingestion.models import IngestJob, JobState
from ingestion.parsing import batches
from ingestion.pipeline import reading
from ingestion.services import cancel_job
from ingestion.suspects import least_suspect_first
from ingestion.tasks import work_once
from minirag.errors import Unavailable
from minirag.types import ParsedDocument, RawDocument
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant, beside


class Parser:
    """In the place of the child that reads one document: waits for its gate."""

    def __init__(self) -> None:
        self.gate, self.entered = threading.Event(), threading.Semaphore(0)
        self.begun: list[str] = []

    def alone(self, raw: RawDocument, *_: Any) -> ParsedDocument:
        self.begun.append(raw.key)
        self.entered.release()
        assert self.gate.wait(30)
        return ParsedDocument(f"Words of {raw.key}.")


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parser]:
    parser = Parser()
    monkeypatch.setattr(batches, "_alone", parser.alone)
    monkeypatch.setattr(batches, "_shared", lambda raws: iter(()))
    yield parser
    parser.gate.set()


@pytest.mark.parametrize(("suffix", "most"), [("docx", 3 * 16), ("md", 5 * 64)])
def test_what_may_be_long_or_slow_is_read_less_far_ahead(
    plant: Plant, parser: Parser, suffix: str, most: int
) -> None:
    """Each is a suspect if the worker dies, its text is held, and others wait for its reading."""
    source = plant.files(**{f"d{n}_{suffix}": f"Words {n}." for n in range(400)})
    job = plant.schedule(source)
    worker = beside(work_once)
    try:
        assert parser.entered.acquire(timeout=30)
        assert parser.entered.acquire(timeout=30)
        under_way = plant.job(job).under_way
        assert 16 <= len(under_way) <= most
    finally:
        with tenant_scope(plant.tenant.pk):
            cancel_job(plant.auth, plant.job(job))
        parser.gate.set()
        worker.join(30)
    assert plant.job(job).state == JobState.CANCELLED


def test_after_a_cancel_no_other_document_is_begun(
    plant: Plant, parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[threading.Event] = []

    def told(raws: Sequence[RawDocument], *others: Any) -> Any:
        ended.append(over := threading.Event())
        try:
            return batches.parse_many(raws, *others)
        finally:
            over.set()

    monkeypatch.setattr(reading, "parse_many", told)
    source = plant.files(**{f"d{n}_docx": f"Words {n}." for n in range(90)})
    job = plant.schedule(source)
    worker = beside(work_once)
    for _ in range(2):
        assert parser.entered.acquire(timeout=30)
    with tenant_scope(plant.tenant.pk):
        cancel_job(plant.auth, plant.job(job))
    worker.join(30)
    assert plant.job(job).state == JobState.CANCELLED
    parser.gate.set()
    assert all(over.wait(30) for over in ended)
    assert len(parser.begun) == 2 and len(ended) == 2


def test_what_waits_for_its_place_is_left_undone_when_the_run_ends(plant: Plant) -> None:
    run = JobRun(plant.schedule(plant.text("Words.")))
    gate, started = threading.Event(), list[Any]()
    start = run.start

    def kept(work: Callable[[], int]) -> Any:
        started.append(start(work))
        return started[-1]

    def inputs() -> Iterator[int]:
        yield from range(4)
        run._cancelled.set()
        yield 4

    def work(given: int, given_up: Callable[[], bool]) -> bool:
        assert gate.wait(30)
        return given_up()

    run.start = kept  # type: ignore[method-assign,assignment]
    with pytest.raises(Cancelled):
        next(run.ahead(work, inputs(), lambda _: 1, 100))
    gate.set()
    outcomes = [future.exception(30) for future in started]
    assert [type(one) for one in outcomes].count(GivenUp) == 2
    # Those that were at work were told between two documents.
    assert all(future.result() for future in started if future.exception() is None)


def test_nothing_more_is_parsed_for_nobody() -> None:
    raws = [RawDocument(f"{n}.docx", b"no such file", "") for n in range(3)]
    with pytest.raises(Unavailable):
        batches.parse_many(raws, None, lambda: True)


def test_suspects_are_tried_together_while_a_death_is_left(settings: Any) -> None:
    keys = [f"k{n}" for n in range(40)]
    job = IngestJob(suspects={key: 2 if n in (3, 7) else 1 for n, key in enumerate(keys)})

    def tries(crashes: int, size: int) -> list[list[str]]:
        settings.MINIRAG_JOB_CRASHES = crashes
        groups = least_suspect_first(job, map(Named, keys), lambda _: size)
        return [[item.key for item in items] for items in groups]

    few = tries(3, 1024)
    assert [len(items) for items in few] == [16, 16, 6, 1, 1]
    assert few[-2:] == [["k3"], ["k7"]] and {*chain(*few)} == {*keys}
    # One may be what used the memory up.
    assert len(tries(3, 3 * 1024 * 1024)) == len(tries(2, 1024)) == 40


def test_between_suspects_others_get_their_turn(
    plant: Plant, parser: Parser, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MINIRAG_JOB_SLICE_SECONDS = 0.0
    monkeypatch.setattr("ingestion.pipeline.turns.others_wait", lambda tenant_id: True)
    parser.gate.set()
    names = [f"d{n}" for n in range(8)]
    job = plant.schedule(plant.files(**{f"{name}_docx": f"Words {name}." for name in names}))
    with platform_scope("tests"):
        suspects = {f"{name}.docx": 2 for name in names}
        IngestJob.objects.filter(pk=job.pk).update(suspects=suspects)
    for turn in range(1, 9):
        assert plant.job(job).state == JobState.QUEUED
        assert work_once() and len(parser.begun) == turn
    assert plant.job(job).state == JobState.SUCCEEDED


class Named:
    """Something with a key."""

    def __init__(self, key: str) -> None:
        self.key = key
