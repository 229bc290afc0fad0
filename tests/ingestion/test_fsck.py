"""``fsck_vectors``: rows against points both ways, and a repair after which all is as before."""

from __future__ import annotations

import json
import threading
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from chat.retrieval import retrieve
from ingestion import tasks
from ingestion.checking import schedule_check
from ingestion.housekeeping import keep_house
from ingestion.models import IndexCheck, IngestJob, JobState
from ingestion.selectors import list_jobs
from minirag.errors import ProviderMisconfigured, RetrievalUnavailable
from minirag.types import Point, PointSelector, SparseVector
from sources.models import Source
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from tests.ingestion.conftest import Plant, beside, run_due

KETTLE = "# Kettle\n\n## Warranty\n\nThree years.\n\n## Care\n\nDescale it each month."
LAMP = "# Lamp\n\nIt is switched on by its left button."


def fsck(*options: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and the figures of the one tenant with an index."""
    out = StringIO()
    status = 0
    try:
        call_command("fsck_vectors", "--json", *options, stdout=out, stderr=StringIO())
    except SystemExit as error:
        status = int(str(error.code))
    answer = json.loads(out.getvalue())
    assert answer["clean"] == (status == 0)
    return status, next(one for one in answer["tenants"] if one["collection"])


def answers(plant: Plant, sources: list[Source]) -> list[list[tuple[UUID, float]]]:
    with tenant_scope(plant.tenant.pk):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
        found = [
            retrieve(tenant, [s.pk for s in sources], query, 5)
            for query in ("warranty years", "left button", "descale")
        ]
    # Passages of equal score stand in the order of their points' ids, which are new.
    return [
        sorted(((p.chunk_id, round(p.score, 5)) for p in one.passages), key=lambda p: (-p[1], p[0]))
        for one in found
    ]


def plant_point(plant: Plant, document_id: UUID, source_id: UUID, chunk_id: UUID) -> None:
    dense = np.ones(32, dtype=np.float32)
    point = Point(uuid4(), chunk_id, document_id, source_id, dense, SparseVector((1,), (1.0,)))
    plant.store.upsert(plant.space(), plant.tenant.pk, [point])


@pytest.fixture
def sources(plant: Plant) -> list[Source]:
    made = [plant.files(kettle_md=KETTLE, lamp_md=LAMP), plant.text("The desk has three drawers.")]
    for source in made:
        assert plant.ingest(source).state == JobState.SUCCEEDED
    return made


def test_a_clean_index_is_called_clean(plant: Plant, sources: list[Source]) -> None:
    status, figures = fsck()
    assert status == 0
    chunks = sum(len(plant.chunks(source)) for source in sources)
    assert (figures["rows"], figures["points"]) == (chunks, chunks)
    out = StringIO()
    call_command("fsck_vectors", "--tenant", plant.tenant.slug, stdout=out)
    assert "0 missing" in out.getvalue() and ": clean" in out.getvalue()


def test_a_wiped_store_comes_back_with_equal_results(plant: Plant, sources: list[Source]) -> None:
    before = answers(plant, sources)
    assert all(before)
    plant.wipe()
    status, figures = fsck()
    assert status == 1 and figures["missing"] == figures["rows"] > 0 and figures["points"] == 0
    status, figures = fsck("--repair")
    assert status == 0 and figures["missing"] == 0
    assert answers(plant, sources) == before
    for source in sources:
        plant.check(source)


@pytest.mark.parametrize("gone", ["points", "collection"])
def test_a_search_of_an_emptied_store_fails_and_never_says_that_nothing_is_known(
    plant: Plant, sources: list[Source], gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    empty = plant.text("")
    plant.wipe()
    if gone == "collection":
        assert plant.store.drop_empty(plant.space())
    with pytest.raises(RetrievalUnavailable):
        answers(plant, sources)
    assert answers(plant, [empty]) == [[], [], []]
    caplog.clear()
    assert keep_house()["tenants whose index is empty"] == 1
    assert "fsck_vectors --tenant" in caplog.text
    assert fsck("--repair")[0] == 0
    assert all(answers(plant, sources))
    assert keep_house()["tenants whose index is empty"] == 0


def test_orphans_and_doubles_are_found_and_deleted(plant: Plant, sources: list[Source]) -> None:
    chunk = plant.chunks(sources[0])[0]
    before = answers(plant, sources)
    plant_point(plant, chunk.document_id, chunk.source_id, chunk.pk)
    plant_point(plant, uuid4(), uuid4(), uuid4())
    status, figures = fsck()
    assert status == 1 and (figures["doubles"], figures["orphans"]) == (1, 1)
    status, figures = fsck("--repair")
    assert status == 0 and (figures["doubles"], figures["orphans"]) == (0, 0)
    assert answers(plant, sources) == before


def test_only_the_broken_source_is_embedded_again(plant: Plant, sources: list[Source]) -> None:
    lost = plant.chunks(sources[1])
    plant.embedder.calls.clear()
    selector = PointSelector(point_ids=[chunk.qdrant_point_id for chunk in lost])
    plant.store.delete(plant.space(), plant.tenant.pk, selector)
    assert fsck("--repair")[0] == 0
    assert len(plant.embedder.texts) == len(lost)


def test_points_of_a_running_job_are_no_orphans(plant: Plant, sources: list[Source]) -> None:
    plant.upload(sources[0], kettle_md=KETTLE + "\n\n## New\n\nA part that is new.")
    upsert = plant.store.upsert

    def then_wait(*args: Any) -> None:
        upsert(*args)
        plant.store.gate.clear()  # the sweep of the old points waits
        plant.embedder.entered.set()

    plant.store.upsert = then_wait  # type: ignore
    plant.embedder.gate.clear()
    plant.embedder.entered.clear()
    job = plant.schedule(sources[0])
    working = beside(tasks.work)
    assert plant.embedder.entered.wait(20)
    status, figures = fsck("--repair")
    assert status == 0 and figures["orphans"] == figures["doubles"] == 0
    plant.embedder.gate.set()
    plant.store.gate.set()
    del plant.store.upsert
    working.join(20)
    assert plant.job(job).state == JobState.SUCCEEDED
    plant.check(sources[0])


def test_points_of_a_job_that_broke_off_are_counted_for_themselves(
    plant: Plant, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait for a retry; what belongs to no such document is an orphan all the same."""
    plant.upload(sources[0], kettle_md=KETTLE + "\n\n## New\n\nA part that is new.")

    def fails(*_: Any) -> None:
        raise ProviderMisconfigured("The key is wrong.")

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.pipeline.versions.flip", fails)
        assert plant.ingest(sources[0]).state == JobState.FAILED
    status, figures = fsck()
    assert status == 0 and figures["waiting"] > 0
    chunk = plant.chunks(sources[0])[0]
    plant_point(plant, chunk.document_id, uuid4(), chunk.pk)  # says another source than it has
    desk = plant.chunks(sources[1])[0]
    plant_point(plant, desk.document_id, desk.source_id, desk.pk)
    plant_point(plant, uuid4(), sources[0].pk, uuid4())
    status, figures = fsck()
    assert status == 1 and (figures["doubles"], figures["orphans"]) == (2, 1)
    counted = sum(figures[name] for name in ("rows", "doubles", "orphans", "waiting"))
    assert figures["points"] == counted
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("fsck_vectors", stdout=out)
    assert f"{figures['waiting']} kept for a running job or a retry" in out.getvalue()
    status, after = fsck("--repair")
    assert status == 0 and after["waiting"] == figures["waiting"]


def test_the_store_is_asked_once_for_each_batch_of_unnamed_points(
    plant: Plant, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(12):
        plant_point(plant, uuid4(), uuid4(), uuid4())
    monkeypatch.setattr("ingestion.fsck.looking.BATCH", 4)
    asked: list[PointSelector] = []
    for name in ("count", "scroll", "scroll_ids"):
        method = getattr(plant.store, name)

        def noted(space: Any, tenant_id: Any, selector: Any, method: Any = method) -> Any:
            asked.append(selector)
            return method(space, tenant_id, selector)

        monkeypatch.setattr(plant.store, name, noted)
    assert fsck()[1]["orphans"] == 12
    live = sum(len(plant.chunks(source)) for source in sources)
    # All points once, the unnamed by fours, and the look at vectors.
    assert len(asked) <= 1 + 3 + -(-live // 4)


def test_a_tenant_that_is_not_there_was_not_looked_at(plant: Plant) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("fsck_vectors", "--tenant", "nope", stdout=StringIO())
    assert caught.value.returncode == 2


def test_a_store_that_is_away_is_not_called_clean(
    plant: Plant, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise RetrievalUnavailable

    monkeypatch.setattr(plant.store, "scroll", away)
    with pytest.raises(CommandError) as caught:
        call_command("fsck_vectors", stdout=StringIO())
    assert caught.value.returncode == 2


def test_reindex_still_makes_every_vector_anew(plant: Plant, sources: list[Source]) -> None:
    old = plant.points(sources[0])
    plant.wipe()
    former = plant.space()
    call_command("reindex", "--all", stdout=StringIO(), stderr=StringIO())
    assert plant.points(sources[0]) == old and plant.space() != former
    assert fsck()[0] == 0
    call_command("reindex", "--source", str(sources[0].pk), stdout=StringIO(), stderr=StringIO())
    assert len(plant.points(sources[0])) == len(old) and not plant.points(sources[0]) & old
    assert fsck()[0] == 0


def test_a_server_that_holds_the_store_looks_for_the_command(
    plant: Plant, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = {"pid": 1, "base_url": "http://127.0.0.1:1"}
    for module in ("ingestion.management.running", "ingestion.management.commands.fsck_vectors"):
        monkeypatch.setattr(f"{module}.running_server", lambda: server)
    # Nothing is looked at in this process: the jobs are the server's, here a thread's.
    stop = threading.Event()

    def serve() -> None:
        while not stop.wait(0.05):
            tasks.work()

    serving = beside(serve)
    plant.wipe()
    assert fsck()[0] == 1
    status, figures = fsck("--repair")
    stop.set()
    serving.join(20)
    assert status == 0 and figures["repair"] is True
    with tenant_scope(plant.tenant.pk):
        assert IngestJob.objects.filter(kind="check", state="succeeded").count() == 3
        assert not list_jobs(plant.auth).filter(kind="check").exists()
    for source in sources:
        plant.check(source)


def test_a_check_that_cannot_look_says_so_at_once(
    plant: Plant, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise RetrievalUnavailable

    monkeypatch.setattr(plant.store, "scroll", away)
    with tenant_scope(plant.tenant.pk):
        job = schedule_check(plant.auth)
        assert schedule_check(plant.auth, repair=True).pk == job.pk  # joins, and asks for more
    run_due()
    assert plant.job(job).state == JobState.FAILED
    assert plant.job(job).result == {"repair": True}


def test_the_console_shows_the_figures_and_looks_again(
    plant: Plant, sources: list[Source], other_tenant: Tenant
) -> None:
    client = Client()
    client.force_login(person(plant.tenant, Role.EDITOR))
    page = "/console/ingestion/indexcheck/"
    assert b"Check now" in client.get(page).content
    assert client.get(f"{page}check/").status_code == 405
    assert client.post(f"{page}check/").status_code == 302
    run_due()
    with tenant_scope(plant.tenant.pk):
        check = IndexCheck.objects.get()
    shown = client.get(f"{page}{check.pk}/change/").content.decode()
    assert check.result is not None
    assert f"{check.result['rows']} chunks" in shown and "0 missing" in shown
    assert "clean" in client.get(page).content.decode()
    with tenant_scope(other_tenant.pk):
        assert not IndexCheck.objects.exists()


def test_a_viewer_cannot_ask_for_a_check(plant: Plant, sources: list[Source]) -> None:
    client = Client()
    client.force_login(person(plant.tenant, Role.VIEWER))
    assert b"Check now" not in client.get("/console/ingestion/indexcheck/").content
    client.post("/console/ingestion/indexcheck/check/")
    with tenant_scope(plant.tenant.pk):
        assert not IndexCheck.objects.exists()
