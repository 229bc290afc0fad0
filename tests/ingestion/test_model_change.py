"""MIG: the embedding model changes, the old index answers until the new one is whole.

No question is ever compared with vectors of another model, whatever goes on meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from ingestion import tasks
from ingestion.claims import requeue_expired
from ingestion.housekeeping import keep_house
from ingestion.models import IndexBuild, IngestJob, JobState
from ingestion.services import cancel_job, retry_job, schedule_delete
from minirag.errors import Conflict, ProviderUnavailable
from minirag.types import Embeddings, VectorSpace
from sources.models import Source
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import beside, code, run_due
from tests.ingestion.migrating import BAD, KINDS, LONGER, OLD, SAME, House, housed
from usage.models import UsageEvent

KETTLE = "# Kettle\n\n## Warranty\n\nThree years.\n\n## Care\n\nDescale it each month."
LAMP = "# Lamp\n\nIt is switched on by its left button."


@pytest.fixture(params=["edge", "qdrant"])
def house(
    request: pytest.FixtureRequest,
    transactional_db: None,
    tenant: Tenant,
    quick: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    with housed(request.param, tenant, tmp_path, monkeypatch) as house:
        yield house


ON_EDGE = pytest.mark.parametrize("house", ["edge"], indirect=True)


@pytest.fixture
def source(house: House) -> Source:
    source = house.files(kettle_md=KETTLE, lamp_md=LAMP)
    assert house.ingest(source).state == JobState.SUCCEEDED
    return source


@pytest.mark.parametrize("model", [SAME, LONGER])
def test_a_new_model_takes_over_when_its_index_is_whole(
    house: House, source: Source, model: str
) -> None:
    before, points = house.space(), house.named()
    build = house.change(model)
    assert build is not None and house.row().embedding_model == OLD
    assert "Three years." in house.search("warranty years")[0]
    assert set(house.store.asked) == {before.collection}
    run_due()
    assert house.job(IngestJob(pk=build.job_id)).state == JobState.SUCCEEDED
    after = house.space()
    assert (after.model, after.dimensions) == (model, KINDS[model][0])
    assert house.named() == points  # the rows were not touched
    assert "Three years." in house.search("warranty years")[0]
    house.sound()
    assert house.builds() == {f"{OLD} v1": "kept", f"{model} v1": "live"}
    with tenant_scope(house.tenant.pk):
        calls = UsageEvent.objects.filter(ingest_job_id=build.job_id)
        assert calls and {call.model for call in calls} == {model}


def test_what_ingests_and_deletions_change_meanwhile_is_caught_up(
    house: House, source: Source
) -> None:
    doomed = house.text("The desk has three drawers.")
    house.ingest(doomed)
    new, done = house.models[SAME], threading.Event()
    embed = new.embed

    def while_it_builds(texts: Any, *, purpose: Any) -> Embeddings:
        answer = embed(texts, purpose=purpose)
        if not done.is_set() and len(new.calls) > 1:  # the first asked for the dimensions
            done.set()
            with tenant_scope(house.tenant.pk):
                house.upload(source, lamp_md="# Lamp\n\nIt is switched on by clapping.")
                ingest = house.schedule(source)
                deletion = schedule_delete(house.auth, doomed)
            while tasks.work_once():
                pass
            assert house.job(ingest).state == house.job(deletion).state == JobState.SUCCEEDED
            assert "clapping" in house.search("lamp switched on")[0]
        return answer

    new.embed = while_it_builds  # type: ignore[method-assign]
    house.change(SAME)
    run_due()
    assert done.is_set() and house.row().embedding_model == SAME
    house.sound()
    assert "clapping" in house.search("lamp switched on")[0]
    assert not any("left button" in text or "drawers" in text for text in house.search("button"))


@ON_EDGE
def test_questions_that_go_on_never_see_two_models(house: House, source: Source) -> None:
    stop, found = threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            found.append(house.search("warranty years"))

    asking = [beside(ask) for _ in range(2)]
    for model in (SAME, LONGER, OLD):
        house.change(model)
        run_due()
        assert house.row().embedding_model == model
    stop.set()
    for thread in asking:
        thread.join(30)
    assert found and all("Three years." in texts[0] for texts in found)
    house.sound()


@ON_EDGE
def test_a_question_with_the_row_of_before_asks_the_index_of_before(
    house: House, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch falls between the moment a question is embedded and the moment it is searched."""
    old = house.models[OLD]
    embed = old.embed

    def switched_meanwhile(texts: Any, *, purpose: Any) -> Embeddings:
        answer = embed(texts, purpose=purpose)
        if purpose == "query":
            monkeypatch.setattr(old, "embed", embed)
            house.change(LONGER)
            run_due()
        return answer

    before = house.space()
    monkeypatch.setattr(old, "embed", switched_meanwhile)
    house.store.asked.clear()
    assert "Three years." in house.search("warranty years")[0]
    assert house.row().embedding_model == LONGER and house.store.asked[-1] == before.collection
    house.sound()


@ON_EDGE
def test_a_model_that_refuses_leaves_the_old_index_answering(house: House, source: Source) -> None:
    build = house.change(BAD)
    assert build is not None
    run_due()
    job = house.job(IngestJob(pk=build.job_id))
    assert (job.state, code(job)) == (JobState.FAILED, "provider_misconfigured")
    assert house.builds() == {f"{BAD} v1": "failed"}
    assert "Three years." in house.search("warranty years")[0]
    house.sound()
    with tenant_scope(house.tenant.pk):
        house.models[BAD].model = "mended"
        retry_job(house.auth, job)
    run_due()
    assert house.row().embedding_model == BAD


@ON_EDGE
def test_a_build_that_breaks_off_goes_on_where_it_was(
    house: House, source: Source, settings: Any
) -> None:
    new = house.models[SAME]
    new.batch_limit = 1
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 0.0
    embed, calls = new.embed, []

    def cut(texts: Any, *, purpose: Any) -> Embeddings:
        calls.append(texts)
        if len(calls) == 3:  # the second chunk
            raise ProviderUnavailable
        return embed(texts, purpose=purpose)

    new.embed = cut  # type: ignore[method-assign]
    house.change(SAME)
    run_due()
    assert house.row().embedding_model == SAME
    house.sound()
    embedded = [text for call in new.calls[1:] for text in call.texts][: len(house.named())]
    assert len(set(embedded)) == len(house.named())  # none twice before the samples


@ON_EDGE
def test_a_build_whose_worker_is_killed_half_way_is_finished_by_the_next(
    house: House, source: Source
) -> None:
    new = house.models[SAME]
    new.batch_limit = 1
    embed, stuck, go_on = new.embed, threading.Event(), threading.Event()

    def hanging(texts: Any, *, purpose: Any) -> Embeddings:
        if len(new.calls) == 2 and not stuck.is_set():  # one chunk is stored
            stuck.set()
            assert go_on.wait(30)
            raise ProviderUnavailable  # nobody hears it
        return embed(texts, purpose=purpose)

    new.embed = hanging  # type: ignore[method-assign]
    build = house.change(SAME)
    assert build is not None
    dying = beside(tasks.work_once)
    assert stuck.wait(20)
    with platform_scope("tests"):
        assert requeue_expired(everything=True) == 1
    assert house.builds() == {f"{SAME} v1": "building"}
    dying.join(20)
    run_due()
    go_on.set()
    assert house.job(IngestJob(pk=build.job_id)).crashes == 1
    assert house.row().embedding_model == SAME
    house.sound()
    made = [text for call in new.calls[1:] for text in call.texts][: len(house.named())]
    assert len(set(made)) == len(house.named())  # what was stored was not made again


@ON_EDGE
def test_the_old_model_again_gives_the_build_up(house: House, source: Source) -> None:
    before = house.space()
    build = house.change(SAME)
    assert build is not None
    assert house.change(OLD) is None
    assert house.job(IngestJob(pk=build.job_id)).state == JobState.CANCELLED
    run_due()
    assert house.space() == before and house.builds() == {f"{SAME} v1": "cancelled"}
    house.sound()


@ON_EDGE
def test_cancelling_sweeps_what_was_half_built(house: House, source: Source) -> None:
    new = house.models[SAME]
    new.batch_limit = 1
    embed, stuck, go_on = new.embed, threading.Event(), threading.Event()

    def slow(texts: Any, *, purpose: Any) -> Embeddings:
        if len(new.calls) == 2:  # the dimensions and one chunk are known
            stuck.set()
            assert go_on.wait(30)
        return embed(texts, purpose=purpose)

    new.embed = slow  # type: ignore[method-assign]
    build = house.change(SAME)
    assert build is not None
    working = beside(tasks.work)
    assert stuck.wait(20)
    half = VectorSpace(SAME, 32, build.version)
    assert len(house.held(half)) == 1
    with tenant_scope(house.tenant.pk):
        cancel_job(house.auth, IngestJob.objects.get(pk=build.job_id))
    working.join(20)
    go_on.set()
    assert house.job(IngestJob(pk=build.job_id)).state == JobState.CANCELLED
    keep_house()
    assert house.builds() == {f"{SAME} v1": "swept"} and house.held(half) == set()
    house.sound()


@ON_EDGE
def test_a_third_model_takes_the_place_of_the_second(house: House, source: Source) -> None:
    first = house.change(SAME)
    second = house.change(LONGER)
    assert first is not None and second is not None
    run_due()
    assert house.row().embedding_model == LONGER
    assert house.builds()[f"{SAME} v1"] == "cancelled" and house.models[SAME].calls == []
    house.sound()


def test_the_former_index_comes_back_with_what_it_missed(house: House, source: Source) -> None:
    before = house.space()
    house.change(LONGER)
    run_due()
    house.upload(source, lamp_md="# Lamp\n\nIt is switched on by clapping.")
    house.ingest(source)
    # What was replaced is gone from the index that is kept, too.
    assert house.held(before) < house.named()
    house.models[OLD].calls.clear()
    house.rollback()
    run_due()
    assert house.space() == before
    assert "clapping" in house.search("lamp switched on")[0]
    house.sound()
    made = [text for call in house.models[OLD].calls for text in call.texts if "clapping" in text]
    assert len(house.models[OLD].calls) <= 4 and made


@ON_EDGE
def test_a_kept_index_is_swept_when_its_time_is_over(house: House, source: Source) -> None:
    before = house.space()
    house.change(SAME)
    run_due()
    keep_house()
    assert house.held(before) == house.named()
    with platform_scope("tests"):
        IndexBuild.objects.filter(state="kept").update(
            kept_until=timezone.now() - timedelta(seconds=1)
        )
    keep_house()
    assert house.held(before) == set() and house.builds()[f"{OLD} v1"] == "swept"
    with pytest.raises(Conflict):
        house.rollback()
    assert not (Path(house.store._path) / before.collection).exists()  # its room is given back
    house.sound()


def test_deleting_a_source_reaches_every_index(house: House, source: Source) -> None:
    before = house.space()
    other = house.text("The desk has three drawers.")
    house.ingest(other)
    house.change(SAME)
    run_due()
    with tenant_scope(house.tenant.pk):
        schedule_delete(house.auth, source)
    run_due()
    assert house.held(before) == house.held(house.space()) == house.named()
    assert len(house.named()) == 1


@ON_EDGE
def test_while_the_index_is_switched_the_tenants_jobs_wait(
    house: House, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    waiting: list[UUID] = []
    count = house.store.count

    def counted(space: VectorSpace, *rest: Any) -> int:
        if space.model == SAME and not seen:  # the last look before the switch
            job = house.schedule(source)
            waiting.append(job.pk)
            seen.append((house.job(job).state, tasks.work_once()))
        return int(count(space, *rest))

    monkeypatch.setattr(house.store, "count", counted)
    house.change(SAME)
    run_due()
    assert seen == [(JobState.QUEUED, False)]
    assert house.job(IngestJob(pk=waiting[0])).state == JobState.SUCCEEDED
    house.sound()


@ON_EDGE
def test_an_index_that_does_not_find_its_own_texts_does_not_take_over(
    house: House, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.space()
    monkeypatch.setattr(house.store, "search", lambda space, *rest: [])
    build = house.change(SAME)
    assert build is not None
    run_due()
    job = house.job(IngestJob(pk=build.job_id))
    assert (job.state, code(job)) == (JobState.FAILED, "internal")
    assert house.space() == before


@ON_EDGE
def test_a_compact_copy_asks_no_provider_for_the_vectors(house: House, source: Source) -> None:
    before = house.space()
    house.models[OLD].calls.clear()
    assert house.rebuild(copies=True) is not None
    run_due()
    assert house.space() == VectorSpace(OLD, before.dimensions, before.version + 1)
    assert len(house.models[OLD].calls) == 1  # the samples that try it
    assert house.held(before) == house.held(house.space())
    house.sound()


@ON_EDGE
def test_two_builds_of_two_tenants_share_nothing(
    house: House, source: Source, other_tenant: Tenant
) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=other_tenant.pk).update(embedding_model=OLD)
    other = House(other_tenant, house.models, house.store, house.shard_of)
    theirs = other.files(kettle_md=KETTLE)
    house.models[OLD].calls.clear()
    assert other.ingest(theirs).state == JobState.SUCCEEDED
    # The same words, but another tenant's: they are embedded, not copied.
    assert len(house.models[OLD].texts) == len(other.named()) > 0
    house.change(SAME)
    run_due()
    assert other.row().embedding_model == OLD and house.row().embedding_model == SAME
    for each in (house, other):
        each.sound()
