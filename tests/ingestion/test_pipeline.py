"""A source becomes documents, chunks and points; what did not change costs nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.models import JobState
from minirag import wiring
from minirag.errors import (
    MiniRAGError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from minirag.providers import local_embedder
from sources.models import Document, DocumentStatus, Source, SourceStatus
from tenants.scope import platform_scope
from tests.ingestion.conftest import Plant, code, run_due
from tests.parsing.makers import make_pdf
from usage.models import UsageEvent

BOOK = "\n\n".join(
    f"## Chapter {n}\n\n" + " ".join(f"Fact {n}-{i} stands in the book." for i in range(12))
    for n in range(6)
)


def test_a_text_becomes_searchable(plant: Plant) -> None:
    source = plant.text("The office opens at nine. " * 30)
    job = plant.ingest(source)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert job.done == job.total == len(plant.chunks(source)) > 1
    plant.check(source)
    row = plant.source(source)
    assert row.status == SourceStatus.READY and row.last_ingested_at and row.error is None
    document = plant.documents(source)["text"]
    assert document.status == DocumentStatus.READY and document.generation == 1


def test_the_same_again_changes_and_embeds_nothing(plant: Plant) -> None:
    source = plant.files(a_md=BOOK, b_md="# Other\n\nWords.")
    plant.ingest(source)
    before = [(c.id, c.qdrant_point_id) for c in plant.chunks(source)]
    calls = len(plant.embedder.calls)
    job = plant.ingest(source)
    assert job.state == JobState.SUCCEEDED and job.done == job.total == len(before)
    assert len(plant.embedder.calls) == calls
    assert [(c.id, c.qdrant_point_id) for c in plant.chunks(source)] == before
    assert {d.generation for d in plant.documents(source).values()} == {1}


def test_labels_of_a_source_reach_files_that_did_not_change(plant: Plant) -> None:
    source = plant.files(a_md=BOOK, b_md="# Other\n\nWords.")
    plant.ingest(source)
    with platform_scope("test"):
        Source.objects.filter(pk=source.pk).update(metadata={"team": "web"})
    plant.upload(source, b_md="# Other\n\nOther words.")
    job = plant.ingest(source)
    assert job.state == JobState.SUCCEEDED and job.done == job.total == len(plant.chunks(source))
    documents = plant.documents(source)
    assert {key: d.metadata["team"] for key, d in documents.items()} == dict.fromkeys(
        documents, "web"
    )
    assert {key: d.generation for key, d in documents.items()} == {"a.md": 1, "b.md": 2}


def test_a_label_that_is_taken_back_or_changes_its_kind_does_so_on_every_document(
    plant: Plant,
) -> None:
    source = plant.files(a_md=BOOK, pages_pdf=make_pdf([[("A page.", -1)]]))
    for labels in ({"team": "web", "draft": 1}, {"draft": True}, {}):
        with platform_scope("test"):
            Source.objects.filter(pk=source.pk).update(metadata=labels)
        plant.ingest(source)
        documents = plant.documents(source)
        said = {key: json.dumps(row.metadata) for key, row in documents.items()}
        assert said["a.md"] == json.dumps(labels)
        assert said["pages.pdf"] == json.dumps({"page_count": 1, **labels})
        assert {row.generation for row in documents.values()} == {1}


def test_files_that_stand_are_not_read_again(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    source = plant.files(**{f"doc{i}_md": f"# Doc {i}\n\nThis is document {i}." for i in range(9)})
    plant.ingest(source)
    read: list[object] = []
    from_db = Document.from_db

    def noted(*row: Any) -> Document:
        read.append(row)
        return from_db(*row)

    monkeypatch.setattr(Document, "from_db", noted)
    job = plant.ingest(source)
    assert job.state == JobState.SUCCEEDED and job.done == job.total and not read
    assert job.total == len(plant.chunks(source))


def test_a_changed_paragraph_embeds_only_itself(plant: Plant) -> None:
    source = plant.files(a_md=BOOK)
    plant.ingest(source)
    before = {c.text: (c.id, c.qdrant_point_id) for c in plant.chunks(source)}
    plant.embedder.calls.clear()
    plant.upload(source, a_md="Preface, all new.\n\n" + BOOK.replace("Fact 3-4", "Truth 3-4"))
    plant.ingest(source)
    after = {c.text: (c.id, c.qdrant_point_id) for c in plant.chunks(source)}
    kept = before.keys() & after.keys()
    assert len(kept) > len(before) / 2
    assert {text: before[text] for text in kept} == {text: after[text] for text in kept}
    assert len(plant.embedder.texts) == len(after.keys() - before.keys())
    plant.check(source)
    document = plant.documents(source)["a.md"]
    assert document.generation == 2 and document.text.startswith("Preface")
    assert document.upload and not document.pending_upload


def test_a_poison_document_of_many_fails_alone(plant: Plant) -> None:
    files = {f"doc{i}_md": f"# Doc {i}\n\nThis is document {i}." for i in range(30)}
    source = plant.files(bad_pdf=b"%PDF-1.7 not one", empty_txt="   ", **files)
    job = plant.ingest(source)
    assert job.state == JobState.PARTIAL and code(job) == "unreadable_source"
    assert plant.source(source).status == SourceStatus.PARTIAL
    documents = plant.documents(source)
    failed = {key for key, d in documents.items() if d.status == DocumentStatus.FAILED}
    assert failed == {"bad.pdf", "empty.txt"}
    assert all(code(documents[key]) == "unreadable_source" for key in failed)
    plant.check(source)


def test_nothing_readable_at_all_fails_the_source(plant: Plant) -> None:
    source = plant.files(bad_pdf=b"%PDF-1.7 not one")
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and code(job) == "unreadable_source"
    assert plant.source(source).status == SourceStatus.FAILED
    assert plant.source(source).error == job.error


def test_an_empty_source_says_so(plant: Plant) -> None:
    job = plant.ingest(plant.files())
    assert job.state == JobState.FAILED and code(job) == "unreadable_source"


def test_a_bad_new_version_leaves_the_old_one_answering(plant: Plant) -> None:
    """INCIDENTS 88: update deletes old vectors, the rebuild fails, old content is gone."""
    source = plant.files(a_txt="The good old text.")
    plant.ingest(source)
    points = plant.points(source)
    plant.upload(source, a_txt="   ")
    job = plant.ingest(source)
    assert job.state == JobState.FAILED
    assert plant.source(source).status == SourceStatus.PARTIAL
    assert plant.points(source) == points
    assert plant.documents(source)["a.txt"].text == "The good old text."
    plant.check(source)


def test_what_left_the_source_is_pruned(plant: Plant) -> None:
    source = plant.text("First text.")
    plant.ingest(source)
    with platform_scope("tests"):
        Document.objects.filter(source_id=source.pk).update(key="renamed upstream")
    plant.ingest(source)
    assert set(plant.documents(source)) == {"text"}
    with platform_scope("tests"):
        assert Document.objects.filter(source_id=source.pk).count() == 1
        assert Source.objects.get(pk=source.pk).status == SourceStatus.READY
    plant.check(source)


def test_the_same_paragraph_many_times_is_as_many_chunks(plant: Plant) -> None:
    """Onyx #12420: the same content twice in one batch fails the whole attempt."""
    page = "\n\n".join(["Again and again the very same words come. " * 7] * 5)
    source = plant.files(a_md=page, b_md=page)
    assert plant.ingest(source).state == JobState.SUCCEEDED
    chunks = plant.chunks(source)
    assert len(chunks) >= 10 and len({c.id for c in chunks}) == len(chunks)
    assert {d.status for d in plant.documents(source).values()} == {"ready"}
    plant.check(source)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ProviderMisconfigured(), "provider_misconfigured"),
        (ProviderRejected(), "provider_rejected"),
    ],
)
def test_a_provider_that_refuses_ends_in_its_code(
    plant: Plant, error: MiniRAGError, wanted: str
) -> None:
    source = plant.text("Some text.")
    plant.embedder.fail_next(error)
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and code(job) == wanted
    assert plant.source(source).status == SourceStatus.FAILED
    assert code(plant.documents(source)["text"]) == wanted
    assert plant.ingest(source).state == JobState.SUCCEEDED
    plant.check(source)


def test_a_provider_that_is_away_is_asked_again(plant: Plant) -> None:
    source = plant.text("Some text.")
    plant.embedder.fail_next(ProviderUnavailable())
    job = plant.schedule(source)
    run_due()
    waiting = plant.job(job)
    while waiting.state == JobState.QUEUED:
        run_due()
        waiting = plant.job(job)
    assert waiting.state == JobState.SUCCEEDED and waiting.attempts == 2


def test_retry_after_is_honoured_without_failing(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 100
    source = plant.text("Some text.")
    plant.embedder.fail_next(ProviderUnavailable(retry_after=20))
    job = plant.schedule(source)
    run_due()
    row = plant.job(job)
    assert row.state == JobState.QUEUED and "20 s" in row.waiting_for
    assert row.not_before and row.started_at
    left = (row.not_before - row.started_at).total_seconds()
    assert 15 < left < 25
    assert plant.source(source).status == SourceStatus.QUEUED


def test_a_provider_that_stays_away_fails_the_job(plant: Plant, settings: Any) -> None:
    settings.MINIRAG_JOB_ATTEMPTS = 3
    settings.MINIRAG_JOB_BACKOFF_SECONDS = 0.001
    source = plant.text("Some text.")
    for _ in range(3):
        plant.embedder.fail_next(ProviderUnavailable())
    job = plant.schedule(source)
    while plant.job(job).state in (JobState.QUEUED, JobState.RUNNING):
        run_due()
    row = plant.job(job)
    assert row.state == JobState.FAILED and code(row) == "provider_unavailable"
    assert plant.source(source).status == SourceStatus.FAILED
    assert plant.points(source) == set()


def test_a_broken_attempt_goes_on_behind_the_last_batch(plant: Plant, settings: Any) -> None:
    """INCIDENTS 89: random point ids per retry orphan the last try."""
    settings.MINIRAG_EMBED_PARALLEL = 1
    plant.embedder.batch_limit = 4
    source = plant.files(a_md=BOOK)
    plant.embedder.calls.clear()
    original = plant.embedder.embed

    def third_fails(texts: Any, *, purpose: Any) -> Any:
        if len(plant.embedder.calls) == 2:
            plant.embedder.fail_next(ProviderUnavailable())
        return original(texts, purpose=purpose)

    plant.embedder.embed = third_fails  # type: ignore[method-assign]
    job = plant.schedule(source)
    while plant.job(job).state in (JobState.QUEUED, JobState.RUNNING):
        run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    failed_call = plant.embedder.calls.pop(2)
    assert len(failed_call.texts) > 0
    texts = plant.embedder.texts
    assert len(texts) == len(set(texts)) == len(plant.chunks(source))
    plant.check(source)


def test_the_local_model_makes_the_vectors(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "embedder", lambda model, credentials: local_embedder())
    source = plant.text("The office opens at nine. It closes at five.")
    job = plant.ingest(source)
    assert job.state == JobState.SUCCEEDED
    plant.check(source)
    with platform_scope("tests"):
        (event,) = UsageEvent.objects.filter(ingest_job_id=job.pk)
    assert (event.status, event.estimated, event.cost_nano) == ("settled", False, 0)
    assert event.model == "local/minilm-l6-v2" and event.input_tokens > 8
