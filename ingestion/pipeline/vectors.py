"""Chunks to points in the store: metered calls, a few at a time, each round kept at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from ingestion import pauses
from ingestion.leases import JobRun
from ingestion.pipeline.index import Index, check_dimensions
from ingestion.pipeline.progress import Progress
from minirag.errors import AnswerLost, ProviderUnavailable
from minirag.sparse import encode_documents
from minirag.types import Embeddings, Point, SparseVector, Stage, TokenUsage, Vector
from usage import ledger
from usage.models import UsageKind

# No provider allows more texts in one call.
MOST_TEXTS = 128
# A batch smaller than this is not worth a call of its own.
_LEAST_TEXTS = 16


@dataclass(frozen=True, slots=True)
class Todo:
    """One chunk that needs a point. ``digest`` names its ``text``: equal ones share a vector."""

    point_id: UUID
    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    text: str
    digest: str
    token_count: int

    def point(self, dense: Vector, sparse: SparseVector) -> Point:
        return Point(
            id=self.point_id,
            chunk_id=self.chunk_id,
            document_id=self.document_id,
            source_id=self.source_id,
            dense=dense,
            sparse=sparse,
        )


@dataclass(frozen=True, slots=True)
class _Call:
    """One call under way."""

    batch: Sequence[Todo]
    estimate: TokenUsage
    meter: ledger.Meter
    future: Future[Embeddings]

    def abandon(self) -> None:
        """Given up beside another's failure. Its own answer counts as told where it is in.

        One under way may well be paid, so its estimate counts.
        """
        if self.meter.usage is not None:
            return
        under_way = not self.future.done()
        failed = None if under_way else self.future.exception()
        if under_way or isinstance(failed, AnswerLost):
            self.meter.report(replace(self.estimate, estimated=True))
        elif failed is None:
            self.meter.report(self.future.result().usage)


def embed_and_store(run: JobRun, index: Index, todo: Sequence[Todo], progress: Progress) -> None:
    """Embed and upsert ``todo``, a text that occurs twice once.

    What a round has stored needs no second call after a restart.
    """
    alike: dict[str, list[Todo]] = {}
    for one in todo:
        alike.setdefault(one.digest, []).append(one)
    for calls in _rounds(index, [group[0] for group in alike.values()]):
        progress.at(Stage.EMBED)
        pauses.heed(run)
        points = [
            twin.point(point.dense, point.sparse)
            for first, point in _embedded(run, index, calls)
            for twin in alike[first.digest]
        ]
        store_points(run, index, points, progress)


def store_points(run: JobRun, index: Index, points: Sequence[Point], progress: Progress) -> None:
    """Upsert ``points`` with the job in hand."""
    progress.at(Stage.INDEX)
    run.confirm()
    run.write(partial(index.store.upsert, index.space, index.tenant_id, points))
    run.stored(len(points))
    progress.advance(len(points))


def _rounds(index: Index, todo: Sequence[Todo]) -> Iterator[list[Sequence[Todo]]]:
    """Batches that go out at the same time, of nearly equal size."""
    lanes = max(1, index.parallel)
    most = min(index.embedder.batch_limit, MOST_TEXTS)
    at = 0
    while at < len(todo):
        left = todo[at : at + lanes * most]
        size = min(most, max(_LEAST_TEXTS, -(-len(left) // lanes)))
        yield [left[start : start + size] for start in range(0, len(left), size)]
        at += len(left)


def _embedded(
    run: JobRun, index: Index, batches: Sequence[Sequence[Todo]]
) -> list[tuple[Todo, Point]]:
    """The points of all batches; the calls run side by side."""
    with ExitStack() as reservations:
        # All are reserved before one goes out: a used-up limit then stops every one of them.
        meters = [_reserved(run, index, batch, reservations) for batch in batches]
        calls = [
            _Call(batch, estimate, meter, run.start(partial(_embed, index, batch)))
            for batch, (meter, estimate) in zip(batches, meters, strict=True)
        ]
        try:
            return [pair for call in calls for pair in _points(run, index, call)]
        except BaseException:
            for call in calls:
                call.abandon()
            raise


def _reserved(
    run: JobRun, index: Index, batch: Sequence[Todo], reservations: ExitStack
) -> tuple[ledger.Meter, TokenUsage]:
    counted = sum(todo.token_count for todo in batch)
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
    return index.embedder.embed([todo.text for todo in batch], purpose="document")


def _points(run: JobRun, index: Index, call: _Call) -> list[tuple[Todo, Point]]:
    embeddings = run.result(call.future)
    call.meter.report(embeddings.usage)
    if len(embeddings.vectors) != len(call.batch):
        raise ProviderUnavailable("The embedding model left out some of the texts.")
    check_dimensions(index, embeddings.vectors.shape[1])
    sparse = encode_documents([todo.text for todo in call.batch])
    return [
        (todo, todo.point(dense, terms))
        for todo, dense, terms in zip(call.batch, embeddings.vectors, sparse, strict=True)
    ]
