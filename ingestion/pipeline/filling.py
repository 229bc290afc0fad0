"""A point for every live chunk: what an index lacks is made, what it has is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db.models import QuerySet

from ingestion.chunking import embedding_hash, embedding_text
from ingestion.leases import JobRun
from ingestion.pipeline.index import Index, Shelf
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.vectors import Todo, embed_and_store, store_points
from minirag.types import PointSelector
from sources.models import Chunk

# Chunks looked at together.
_BATCH = 256


def live_chunks() -> QuerySet[Chunk]:
    """What an index must hold: chunks that can be found."""
    rows: QuerySet[Chunk] = Chunk.objects.filter(
        document__deleted_at__isnull=True, source__deleted_at__isnull=True
    )
    return rows.order_by()


@dataclass(slots=True)
class Filling:
    """One run that fills one index. ``after`` is called with each batch: True, if calls were made.

    Vectors are copied from ``origin`` where one is given. Chunks that have a point already are
    progress too, unless an earlier look has counted them.
    """

    run: JobRun
    index: Index
    progress: Progress
    origin: Shelf | None
    after: Callable[[bool], None]
    counts_present: bool = True

    def fill(self) -> int:
        """One look over all live chunks. Returns how many had no point: they have one now."""
        missing = 0
        for rows in _batches():
            todo = self._missing(rows)
            missing += len(todo)
            if self.counts_present:
                self.progress.advance(len(rows) - len(todo))
            else:
                self.progress.found(len(todo))
            rest = self._copied(todo)
            if rest:
                embed_and_store(self.run, self.index, rest, self.progress)
            if todo:
                self._withdraw(todo)
            self.after(bool(rest))
        return missing

    def drop_strays(self) -> None:
        """Delete points that no live chunk names: of chunks that were replaced meanwhile."""
        index = self.index
        held = self.run.call(
            lambda: list(index.store.scroll_ids(index.space, index.tenant_id, PointSelector()))
        )
        for at in range(0, len(held), _BATCH):
            ids = set(held[at : at + _BATCH])
            self._delete(ids - _named(ids))

    def _missing(self, rows: Sequence[Chunk]) -> list[Todo]:
        held = self._held([row.qdrant_point_id for row in rows])
        return [_todo(row) for row in rows if row.qdrant_point_id not in held]

    def _held(self, point_ids: Sequence[UUID]) -> set[UUID]:
        index, selector = self.index, PointSelector(point_ids=point_ids)
        return self.run.call(
            lambda: set(index.store.scroll_ids(index.space, index.tenant_id, selector))
        )

    def _copied(self, todo: Sequence[Todo]) -> Sequence[Todo]:
        """Copy what ``origin`` holds; return what it does not."""
        origin = self.origin
        if origin is None or not todo:
            return todo
        ids = [one.point_id for one in todo]
        read = partial(origin.store.vectors, origin.space, origin.tenant_id, ids)
        found = self.run.call(read)
        points = [
            one.point(found[one.point_id].dense, found[one.point_id].sparse)
            for one in todo
            if one.point_id in found
        ]
        if points:
            store_points(self.run, self.index, points, self.progress)
        return [one for one in todo if one.point_id not in found]

    def _withdraw(self, todo: Sequence[Todo]) -> None:
        """Take points back whose chunks were deleted or replaced while they were made.

        A deletion that begins after this look finds the points here, and takes them itself.
        """
        ids = {one.point_id for one in todo}
        self._delete(ids - _named(ids))

    def _delete(self, doomed: set[UUID]) -> None:
        if doomed:
            index, selector = self.index, PointSelector(point_ids=list(doomed))
            self.run.call(partial(index.store.delete, index.space, index.tenant_id, selector))


def _batches() -> Iterator[list[Chunk]]:
    fields = (
        "pk", "qdrant_point_id", "document_id", "source_id", "heading_path", "text", "token_count",
    )  # fmt: skip
    rows = live_chunks().order_by("pk").only(*fields)
    batch = list(rows[:_BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:_BATCH])


def _todo(row: Chunk) -> Todo:
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


def _named(point_ids: set[UUID]) -> set[UUID]:
    rows = live_chunks().filter(qdrant_point_id__in=point_ids)
    return set(rows.values_list("qdrant_point_id", flat=True))
