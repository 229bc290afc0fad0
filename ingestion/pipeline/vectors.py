"""Chunks to points in the store: metered calls, a few at a time, each round kept at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from operator import attrgetter
from uuid import UUID

from ingestion import pauses
from ingestion.leases import JobRun
from ingestion.pipeline.index import Index
from ingestion.pipeline.progress import Progress
from minirag.errors import AnswerLost, MiniRAGError, ProviderUnavailable
from minirag.providers.dimensions import check_dimensions
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
    """One call under way. Its reservation is closed with its outcome."""

    batch: Sequence[Todo]
    estimate: TokenUsage
    meter: ledger.Meter
    reservation: ExitStack
    future: Future[Embeddings]
    terms: Future[list[SparseVector]]

    def abandon(self) -> None:
        """Given up before its answer was looked at; that counts as told where it is in.

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

    What a round has stored needs no second call after a restart; so it is with the answers that
    came beside a call that failed.
    """
    alike: dict[str, list[Todo]] = {}
    for one in todo:
        alike.setdefault(one.digest, []).append(one)
    rounds = list(_rounds(index, [group[0] for group in alike.values()]))
    terms = _encoding(run, rounds[0] if rounds else ())
    for batches, following in zip_longest(rounds, rounds[1:], fillvalue=()):
        progress.at(Stage.EMBED)
        pauses.heed(run)
        failures: list[MiniRAGError] = []
        pairs = _embedded(run, index, batches, terms, failures)
        terms = _encoding(run, following)
        points = [
            twin.point(point.dense, point.sparse)
            for first, point in pairs
            for twin in alike[first.digest]
        ]
        if points:
            store_points(run, index, points, progress)
        if failures:
            raise max(failures, key=_weight)


def _weight(error: MiniRAGError) -> tuple[bool, float]:
    """What will not pass by itself comes first, then the longest wait."""
    return not isinstance(error, ProviderUnavailable), error.retry_after or 0.0


def store_points(run: JobRun, index: Index, points: Sequence[Point], progress: Progress) -> None:
    """Upsert ``points`` with the job in hand."""
    progress.at(Stage.INDEX)
    run.confirm()
    run.write(partial(index.store.upsert, index.space, index.tenant_id, points))
    run.stored(len(points))
    progress.advance(len(points))


def round_size(index: Index) -> int:
    """Chunks that are embedded at the same time."""
    return _lanes(index) * _most(index)


def _lanes(index: Index) -> int:
    return max(1, index.parallel)


def _most(index: Index) -> int:
    """Texts of one call."""
    return min(index.embedder.batch_limit, MOST_TEXTS)


def _rounds(index: Index, todo: Sequence[Todo]) -> Iterator[list[Sequence[Todo]]]:
    """Batches that go out at the same time, dealt out by length: none is waited for for long."""
    size = round_size(index)
    for at in range(0, len(todo), size):
        left = sorted(todo[at : at + size], key=attrgetter("token_count"), reverse=True)
        most = min(_most(index), max(_LEAST_TEXTS, -(-len(left) // _lanes(index))))
        batches = -(-len(left) // most)
        yield [left[lane::batches] for lane in range(batches)]


def _encoding(run: JobRun, batches: Sequence[Sequence[Todo]]) -> list[Future[list[SparseVector]]]:
    """The terms of each batch, made while the model or the store is waited for."""
    texts = [[todo.text for todo in batch] for batch in batches]
    return [run.start(partial(encode_documents, of_batch)) for of_batch in texts]


def _embedded(
    run: JobRun,
    index: Index,
    batches: Sequence[Sequence[Todo]],
    terms: Sequence[Future[list[SparseVector]]],
    failures: list[MiniRAGError],
) -> list[tuple[Todo, Point]]:
    """The points of all batches that were answered; the calls run side by side."""
    with ExitStack() as reservations:
        # All are reserved before one goes out: a used-up limit then stops every one of them.
        reserved = [_reserved(run, index, batch, reservations) for batch in batches]
        calls = [
            _Call(batch, *parts, run.start(partial(_embed, index, batch)), encoding)
            for batch, parts, encoding in zip(batches, reserved, terms, strict=True)
        ]
        try:
            return [pair for call in calls for pair in _answer(run, index, call, failures)]
        except BaseException:
            for call in calls:
                call.abandon()
            raise


def _answer(
    run: JobRun, index: Index, call: _Call, failures: list[MiniRAGError]
) -> list[tuple[Todo, Point]]:
    """One call's points; or none, and what failed."""
    try:
        points = _points(run, index, call)
    except MiniRAGError as error:
        failures.append(error)
        # It goes up from ``embed_and_store``, once the other answers are stored.
        with suppress(MiniRAGError), call.reservation:
            raise
        return []
    call.reservation.close()
    return points


def _reserved(
    run: JobRun, index: Index, batch: Sequence[Todo], reservations: ExitStack
) -> tuple[TokenUsage, ledger.Meter, ExitStack]:
    counted = sum(todo.token_count for todo in batch)
    estimate = TokenUsage(counted, estimated=True)
    own = reservations.enter_context(ExitStack())
    meter = own.enter_context(
        ledger.metered(
            tenant_id=index.tenant_id,
            kind=UsageKind.EMBEDDING,
            model=index.space.model,
            estimate=estimate,
            ingest_job_id=run.job.pk,
        )
    )
    return estimate, meter, own


def _embed(index: Index, batch: Sequence[Todo]) -> Embeddings:
    return index.embedder.embed([todo.text for todo in batch], purpose="document")


def _points(run: JobRun, index: Index, call: _Call) -> list[tuple[Todo, Point]]:
    embeddings = run.result(call.future)
    call.meter.report(embeddings.usage)
    if len(embeddings.vectors) != len(call.batch):
        raise ProviderUnavailable("The embedding model left out some of the texts.")
    check_dimensions(index.space, embeddings.vectors.shape[1])
    sparse = run.result(call.terms)
    return [
        (todo, todo.point(dense, terms))
        for todo, dense, terms in zip(call.batch, embeddings.vectors, sparse, strict=True)
    ]
