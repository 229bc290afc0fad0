"""Chunks to points in the store: metered calls, a few at a time, each round kept at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from django.conf import settings

from ingestion import pauses
from ingestion.leases import JobRun
from ingestion.pipeline.index import Index, check_dimensions
from ingestion.pipeline.plans import DocumentPlan, PlannedChunk
from ingestion.pipeline.progress import Progress
from minirag.errors import AnswerLost, ProviderUnavailable
from minirag.sparse import encode_documents
from minirag.types import Embeddings, Point, Stage, TokenUsage
from usage import ledger
from usage.models import UsageKind

# No provider allows more texts in one call.
MOST_TEXTS = 128
# A batch smaller than this is not worth a call of its own.
_LEAST_TEXTS = 16


@dataclass(frozen=True, slots=True)
class Todo:
    """One chunk that needs a vector."""

    plan: DocumentPlan
    planned: PlannedChunk


@dataclass(frozen=True, slots=True)
class _Call:
    """One call under way."""

    batch: Sequence[Todo]
    estimate: TokenUsage
    meter: ledger.Meter
    future: Future[Embeddings]

    def abandon(self) -> None:
        """Given up while under way: it may well be paid, so its estimate counts."""
        failed = self.future.exception() if self.future.done() else None
        refused = failed is not None and not isinstance(failed, AnswerLost)
        if self.meter.usage is None and not refused:
            self.meter.report(replace(self.estimate, estimated=True))


def embed_and_store(run: JobRun, index: Index, todo: Sequence[Todo], progress: Progress) -> None:
    """Embed and upsert ``todo``. What a round has stored needs no second call after a restart."""
    for calls in _rounds(index, todo):
        progress.at(Stage.EMBED)
        pauses.heed(run)
        points = _embedded(run, index, calls)
        progress.at(Stage.INDEX)
        run.confirm()
        run.write(partial(index.store.upsert, index.space, index.tenant_id, points))
        run.stored(len(points))
        progress.advance(len(points))


def _rounds(index: Index, todo: Sequence[Todo]) -> Iterator[list[Sequence[Todo]]]:
    """Batches that go out at the same time, of nearly equal size."""
    lanes = max(1, settings.MINIRAG_EMBED_PARALLEL)
    most = min(index.embedder.batch_limit, MOST_TEXTS)
    at = 0
    while at < len(todo):
        left = todo[at : at + lanes * most]
        size = min(most, max(_LEAST_TEXTS, -(-len(left) // lanes)))
        yield [left[start : start + size] for start in range(0, len(left), size)]
        at += len(left)


def _embedded(run: JobRun, index: Index, batches: Sequence[Sequence[Todo]]) -> list[Point]:
    """The points of all batches; the calls run side by side."""
    with ExitStack() as reservations:
        # All are reserved before one goes out: a used-up limit then stops every one of them.
        meters = [_reserved(run, index, batch, reservations) for batch in batches]
        calls = [
            _Call(batch, estimate, meter, run.start(partial(_embed, index, batch)))
            for batch, (meter, estimate) in zip(batches, meters, strict=True)
        ]
        try:
            return [point for call in calls for point in _points(run, index, call)]
        except BaseException:
            for call in calls:
                call.abandon()
            raise


def _reserved(
    run: JobRun, index: Index, batch: Sequence[Todo], reservations: ExitStack
) -> tuple[ledger.Meter, TokenUsage]:
    counted = sum(todo.planned.chunk.token_count for todo in batch)
    estimate = TokenUsage(counted, estimated=True)
    meter = reservations.enter_context(
        ledger.metered(
            tenant_id=index.tenant_id,
            kind=UsageKind.EMBEDDING,
            model=index.space.model,
            estimate=estimate,
            ingest_job_id=run.job.pk,
        )
    )
    return meter, estimate


def _embed(index: Index, batch: Sequence[Todo]) -> Embeddings:
    return index.embedder.embed([todo.planned.embedded for todo in batch], purpose="document")


def _points(run: JobRun, index: Index, call: _Call) -> list[Point]:
    embeddings = run.result(call.future)
    call.meter.report(embeddings.usage)
    if len(embeddings.vectors) != len(call.batch):
        raise ProviderUnavailable("The embedding model left out some of the texts.")
    check_dimensions(index, embeddings.vectors.shape[1])
    sparse = encode_documents([todo.planned.embedded for todo in call.batch])
    return [
        Point(
            id=todo.planned.point_id,
            chunk_id=todo.planned.id,
            document_id=todo.plan.document_id,
            source_id=todo.plan.source_id,
            dense=dense,
            sparse=terms,
        )
        for todo, dense, terms in zip(call.batch, embeddings.vectors, sparse, strict=True)
    ]
