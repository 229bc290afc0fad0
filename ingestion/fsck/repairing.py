"""What a look found is put right: nothing is embedded but what is missing, under the same ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from uuid import UUID

from django.db import transaction

from ingestion.fsck.findings import Findings
from ingestion.fsck.looking import batches, other_spaces, strays_of
from ingestion.housekeeping import delete_points, hold_still
from ingestion.leases import JobRun
from ingestion.models import BuildState
from ingestion.pipeline.filling import Filling, live_chunks
from ingestion.pipeline.index import Shelf, known_shelf, open_index
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.turns import Turn
from minirag.types import Point, PointSelector, StoredVectors
from sources.models import Chunk


def repair(run: JobRun, found: Findings) -> bool:
    """Put right what ``found`` says. False where points were left, since a job runs on them."""
    shelf = known_shelf(found.tenant_id)
    if shelf is None:
        return True
    whole = _delete_unnamed(run, shelf, found.unnamed)
    whole = _empty_others(run, shelf, found) and whole
    _rewrite_payloads(run, shelf, found.payloads)
    for batch in batches(found.vectors):
        selector = PointSelector(point_ids=batch)
        run.call(partial(shelf.store.delete, shelf.space, shelf.tenant_id, selector))
    if (found.missing or found.vectors) and not found.suspended:
        _fill(run)
    return whole


def _fill(run: JobRun) -> None:
    """Points for the rows that have none."""
    index, progress, turn = open_index(run), Progress(run), Turn(run)
    progress.found(live_chunks().count())

    def after(worked: bool) -> None:
        run.confirm()
        turn.make_room()

    Filling(run, index, progress, None, after).fill()


def _delete_unnamed(run: JobRun, shelf: Shelf, doomed: Collection[UUID]) -> bool:
    """The tenant's turn is held meanwhile, so no worker begins to write such points."""
    if not doomed:
        return True
    with transaction.atomic():
        if not hold_still(shelf.tenant_id, but=run.job.pk):
            return False
        for batch in batches(doomed):
            named = Chunk.objects.filter(qdrant_point_id__in=batch)
            delete_points(shelf, set(batch) - set(named.values_list("qdrant_point_id", flat=True)))
    return True


def _empty_others(run: JobRun, shelf: Shelf, found: Findings) -> bool:
    """Strays in indexes beside the live one. An index that is nobody's goes whole."""
    if not any(one.strays for one in found.beside):
        return True
    with transaction.atomic():
        if not hold_still(shelf.tenant_id, but=run.job.pk):
            return False
        for space, state in other_spaces(shelf.space).items():
            other = Shelf(shelf.tenant_id, space, shelf.store)
            if state == BuildState.SWEPT:
                other.store.delete(space, other.tenant_id, PointSelector())
            else:
                delete_points(other, strays_of(other, state))
    return True


def _rewrite_payloads(run: JobRun, shelf: Shelf, wrong: Collection[UUID]) -> None:
    """The same vectors under the ids that the rows have."""
    for batch in batches(wrong):
        read: Callable[[], Mapping[UUID, StoredVectors]] = partial(
            shelf.store.vectors, shelf.space, shelf.tenant_id, batch
        )
        vectors = run.call(read)
        points = [
            Point(
                id=row.qdrant_point_id,
                chunk_id=row.pk,
                document_id=row.document_id,
                source_id=row.source_id,
                dense=vectors[row.qdrant_point_id].dense,
                sparse=vectors[row.qdrant_point_id].sparse,
            )
            for row in live_chunks().filter(qdrant_point_id__in=list(vectors))
        ]
        run.confirm()
        run.write(partial(shelf.store.upsert, shelf.space, shelf.tenant_id, points))
