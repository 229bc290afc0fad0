"""``build_index``: a tenant's new index beside the old one, which answers until the switch.

A chunk's point has the same id in every collection, so the rows stay as they are: points are added
to the new collection until it has one for each live chunk. What is there already is not embedded
again, so an attempt goes on where the last one broke off.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from ingestion import pauses
from ingestion.chunking import embedding_hash, embedding_text
from ingestion.claims import others_wait, siblings_wait
from ingestion.leases import Cancelled, JobRun, Postponed, TurnOver
from ingestion.models import BUILD_STATES, BuildState, IndexBuild, IngestJob, JobKind, JobState
from ingestion.pipeline.index import Index, Shelf, ask_dimensions, known_shelf, open_space
from ingestion.pipeline.outcomes import Outcome
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.switching import check_new_index, switch
from ingestion.pipeline.vectors import Todo, embed_and_store, store_points
from minirag import wiring
from minirag.types import PointSelector, Stage, VectorSpace
from sources.models import Chunk
from tenants.scope import platform_scope

# Chunks looked at together.
_BATCH = 256
# A look over all chunks that found no more than this missing is followed by the switch.
_FEW = 256
_WAIT = 0.2


@dataclass(slots=True)
class _Build:
    """One run of one build."""

    run: JobRun
    row: IndexBuild
    index: Index
    # Where vectors are copied from; None where they are made anew.
    origin: Shelf | None
    progress: Progress
    begun: float

    def still(self) -> None:
        """With the job in hand: the build is wanted, and this far. Raises ``Cancelled``."""
        with transaction.atomic():
            self.run.fence()
            rows = IndexBuild.objects.filter(pk=self.row.pk, state__in=BUILD_STATES)
            if not rows.update(done=self.progress.done, total=self.progress.total):
                raise Cancelled


def build_index(run: JobRun) -> Outcome:
    """Run the build of ``run.job``. The old index answers all the while."""
    row = IndexBuild.objects.filter(job_id=run.job.pk, state__in=BUILD_STATES).first()
    if row is None:
        raise Cancelled
    build = _open(run, row)
    build.progress.found(live_chunks().count())
    while _fill(build) > _FEW:
        build.progress = Progress(run)
        build.progress.found(live_chunks().count())
    _hold(build)
    _fill(build)
    build.progress.at(Stage.SWEEP)
    _drop_strays(build)
    check_new_index(run, build.index, live_chunks())
    switch(run, build.row.pk)
    return Outcome(JobState.SUCCEEDED)


def live_chunks() -> QuerySet[Chunk]:
    """What an index must hold: chunks that can be found."""
    rows: QuerySet[Chunk] = Chunk.objects.filter(
        document__deleted_at__isnull=True, source__deleted_at__isnull=True
    )
    return rows.order_by()


def _open(run: JobRun, row: IndexBuild) -> _Build:
    """Ask the model first: what is wrong with it is told before anything is made."""
    pauses.use(run, row.model, row.credentials)
    embedder = wiring.embedder(row.model, row.credentials)
    if row.dimensions is None:
        row.dimensions = ask_dimensions(run, embedder)
        IndexBuild.objects.filter(pk=row.pk).update(dimensions=row.dimensions)
    space = VectorSpace(row.model, row.dimensions, row.version)
    index = open_space(run, space, embedder, settings.MINIRAG_REINDEX_PARALLEL)
    origin = known_shelf(run.job.tenant_id) if row.copies else None
    if origin is not None and (origin.space.model, origin.space.dimensions) != (
        space.model,
        space.dimensions,
    ):
        origin = None  # the model was changed meanwhile: its vectors are no use here
    return _Build(run, row, index, origin, Progress(run), time.monotonic())


def _fill(build: _Build) -> int:
    """One look over all live chunks; those without a point get one. Returns how many these were."""
    missing = 0
    for rows in _batches():
        todo = _missing(build, rows)
        missing += len(todo)
        build.progress.advance(len(rows) - len(todo))
        rest = _copied(build, todo)
        if rest:
            embed_and_store(build.run, build.index, rest, build.progress)
        if todo:
            _withdraw(build, todo)
        build.still()
        _rest(build, bool(rest))
    return missing


def _batches() -> Iterator[list[Chunk]]:
    fields = (
        "pk", "qdrant_point_id", "document_id", "source_id", "heading_path", "text", "token_count",
    )  # fmt: skip
    rows = live_chunks().order_by("pk").only(*fields)
    batch = list(rows[:_BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:_BATCH])


def _missing(build: _Build, rows: Sequence[Chunk]) -> list[Todo]:
    held = held_points(build.run, build.index, [row.qdrant_point_id for row in rows])
    return [todo_of(row) for row in rows if row.qdrant_point_id not in held]


def held_points(run: JobRun, shelf: Shelf, point_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these points the store holds."""
    selector = PointSelector(point_ids=point_ids)
    return run.call(lambda: set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, selector)))


def todo_of(row: Chunk) -> Todo:
    """A chunk's point as it has to be made."""
    text = embedding_text(row.heading_path, row.text)
    return Todo(
        point_id=row.qdrant_point_id,
        chunk_id=row.pk,
        document_id=row.document_id,
        source_id=row.source_id,
        text=text,
        digest=embedding_hash(text),
        token_count=row.token_count,
    )


def _copied(build: _Build, todo: Sequence[Todo]) -> Sequence[Todo]:
    """Copy what the live index of the same model holds; return what it does not."""
    if build.origin is None or not todo:
        return todo
    origin = build.origin
    ids = [one.point_id for one in todo]
    read = partial(origin.store.vectors, origin.space, origin.tenant_id, ids)
    found = build.run.call(read)
    points = [
        one.point(found[one.point_id].dense, found[one.point_id].sparse)
        for one in todo
        if one.point_id in found
    ]
    if points:
        store_points(build.run, build.index, points, build.progress)
    return [one for one in todo if one.point_id not in found]


def _withdraw(build: _Build, todo: Sequence[Todo]) -> None:
    """Take points back whose chunks were deleted or replaced while they were made.

    A deletion that begins after this look finds the points here, and takes them itself.
    """
    ids = {one.point_id for one in todo}
    _delete(build, ids - _named(ids))


def _drop_strays(build: _Build) -> None:
    """Points in the new collection that no live chunk names: of chunks replaced meanwhile."""
    index = build.index
    held = build.run.call(
        lambda: list(index.store.scroll_ids(index.space, index.tenant_id, PointSelector()))
    )
    for at in range(0, len(held), _BATCH):
        ids = set(held[at : at + _BATCH])
        _delete(build, ids - _named(ids))


def _named(point_ids: set[UUID]) -> set[UUID]:
    rows = live_chunks().filter(qdrant_point_id__in=point_ids)
    return set(rows.values_list("qdrant_point_id", flat=True))


def _delete(build: _Build, doomed: set[UUID]) -> None:
    if doomed:
        index, selector = build.index, PointSelector(point_ids=list(doomed))
        build.run.call(partial(index.store.delete, index.space, index.tenant_id, selector))


def _rest(build: _Build, worked: bool) -> None:
    """Between two rounds: a pause if one is set, and room for those that wait."""
    if worked and settings.MINIRAG_REINDEX_PAUSE_SECONDS > 0:
        build.run.call(partial(time.sleep, settings.MINIRAG_REINDEX_PAUSE_SECONDS))
    if build.row.state == BuildState.SWITCHING:
        return  # all others wait for this: be quick
    if time.monotonic() - build.begun < settings.MINIRAG_JOB_SLICE_SECONDS:
        return
    with platform_scope("does another tenant wait for a worker"):
        waiting = others_wait(build.run.job.tenant_id)
    if waiting:
        raise TurnOver
    if siblings_wait(build.run.job):
        # Due a little later: else it would be the first in the queue again.
        raise Postponed(2, "Other jobs of this tenant go first for a moment.")
    build.begun = time.monotonic()


def _hold(build: _Build) -> None:
    """Keep the tenant's other jobs from beginning, and wait for those that run to make room."""
    with transaction.atomic():
        build.run.fence()
        rows = IndexBuild.objects.filter(pk=build.row.pk, state__in=BUILD_STATES)
        if not rows.update(state=BuildState.SWITCHING):
            raise Cancelled
    build.row.state = BuildState.SWITCHING
    running = IngestJob.objects.filter(state=JobState.RUNNING).exclude(pk=build.run.job.pk)
    # Deletions go on: they reach every index.
    while running.exclude(kind=JobKind.DELETE).exists():
        build.run.call(partial(time.sleep, _WAIT))
