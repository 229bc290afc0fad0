"""Plans made real: points first, counted, then the flip of the documents, then the sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import transaction

from ingestion.leases import JobRun
from ingestion.pipeline.index import Index
from ingestion.pipeline.plans import DocumentPlan, PlannedChunk
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.reuse import copy_known
from ingestion.pipeline.vectors import Todo, embed_and_store
from ingestion.pipeline.versions import flip, stored_points, sweep_points
from minirag.errors import MiniRAGError, RetrievalUnavailable
from minirag.types import Stage
from sources.models import Document

# Documents that change their version in one transaction: few, so that no lock is held for long.
_FLIPS = 64


class Publisher:
    """Brings documents to their next version. Old versions answer until their flip.

    While the provider works on some, those before them are flipped; ``published`` is told of them.
    """

    def __init__(
        self,
        run: JobRun,
        index: Index,
        progress: Progress,
        published: Callable[[Sequence[DocumentPlan]], None] = lambda plans: None,
    ) -> None:
        self._run, self._index, self._progress = run, index, progress
        self._published = published
        self._stored: list[DocumentPlan] = []
        self._present: set[UUID] = set()

    def publish(self, plans: Sequence[DocumentPlan]) -> None:
        """Make the points of ``plans``. Their versions change with the next call, or ``settle``.

        What was stored before a failure is flipped before it goes up.
        """
        run, index, progress = self._run, self._index, self._progress
        ids = [plan.document_id for plan in plans]
        untouched = _mark(run, ids) and all(plan.generation == 1 for plan in plans)
        present = set() if untouched else stored_points(run, index, ids)
        todo = [
            _todo(plan, planned)
            for plan in plans
            for planned in plan.chunks
            if planned.point_id not in present
        ]
        progress.advance(sum(len(plan.chunks) for plan in plans) - len(todo))
        # A reindex makes every vector anew: it does not trust those that it finds.
        anew = all(plan.facts is None for plan in plans)
        try:
            if not {one.digest for one in todo}.isdisjoint(self._digests()):
                self.settle()  # then there are vectors to be copied
            unknown = todo if anew else copy_known(run, index, todo, progress)
            embed_and_store(run, index, unknown, progress, meanwhile=self.settle)
        except MiniRAGError:
            self.settle()
            raise
        self._stored = list(plans)
        self._present = stored_points(run, index, ids) if todo else present

    def _digests(self) -> set[str]:
        """What was embedded for the documents that are not flipped yet."""
        return {planned.embedded_hash for plan in self._stored for planned in plan.chunks}

    def settle(self) -> None:
        """Count the points of what was stored, change its versions, sweep what they replaced."""
        plans, present = self._stored, self._present
        if not plans:
            return
        if any(not plan.point_ids <= present for plan in plans):
            raise RetrievalUnavailable("The index did not take all of the vectors.")
        for at in range(0, len(plans), _FLIPS):
            flip(self._run, self._index, plans[at : at + _FLIPS])
        self._progress.at(Stage.SWEEP)
        sweep_points(self._run, self._index, [plan.document_id for plan in plans], present)
        self._stored = []
        self._published(plans)


def publish(run: JobRun, index: Index, plans: Sequence[DocumentPlan], progress: Progress) -> None:
    """Bring the documents of ``plans`` to their next version, to its end."""
    publisher = Publisher(run, index, progress)
    publisher.publish(plans)
    publisher.settle()


def _todo(plan: DocumentPlan, planned: PlannedChunk) -> Todo:
    return Todo(
        point_id=planned.point_id,
        chunk_id=planned.id,
        document_id=plan.document_id,
        source_id=plan.source_id,
        text=planned.embedded,
        digest=planned.embedded_hash,
        token_count=planned.chunk.token_count,
    )


def _mark(run: JobRun, document_ids: Sequence[UUID]) -> bool:
    """Say on the rows that points are coming, before the first one comes.

    False where a mark was there: an earlier attempt may have left points.
    """
    with transaction.atomic():
        run.fence()
        unmarked = Document.objects.filter(pk__in=document_ids, stale_points=False)
        return bool(unmarked.update(stale_points=True) == len(set(document_ids)))
