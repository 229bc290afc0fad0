"""The plans that an ingest would follow, and what of them it would hand to the embedder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from ingestion.pipeline.index import Index
from ingestion.pipeline.plans import DocumentPlan, PlannedChunk, Target, make_plan, standing_rows
from ingestion.pipeline.reading import Reading
from ingestion.pipeline.reuse import known_points
from ingestion.preview.bounds import Bounded
from minirag.types import PointSelector
from sources.models import Source

# A document that is not there yet.
_NOBODY = UUID(int=0)


@dataclass(slots=True)
class Planner:
    """Plans of one look. The store is asked as an ingest asks it: which points are there."""

    source: Source
    index: Index
    bounded: Bounded
    # Texts that were to be embedded already.
    paid: set[str] = field(default_factory=set)

    def plans(self, readings: Sequence[Reading]) -> list[tuple[DocumentPlan, list[PlannedChunk]]]:
        """For each of the parsed ``readings`` its plan, and those chunks of it to be embedded."""
        ids = [reading.document.pk for reading in readings if reading.document is not None]
        rows = standing_rows(ids)
        plans = []
        for reading in readings:
            document, parsed = reading.document, reading.parsed
            assert parsed is not None
            if document is None:
                target = Target(_NOBODY, self.source.pk, 0, reuse=False)
            else:
                target = Target(document.pk, self.source.pk, document.generation, reuse=True)
            standing = rows.get(target.document_id, {})
            plans.append(make_plan(target, parsed.text, reading.chunks, None, standing))
        present = self._stored(PointSelector(document_ids=ids)) if ids else set()
        todo = [[one for one in plan.chunks if one.point_id not in present] for plan in plans]
        known = self._known({one.embedded_hash for chunks in todo for one in chunks})
        return [
            (plan, [one for one in chunks if self._pays(one, known)])
            for plan, chunks in zip(plans, todo, strict=True)
        ]

    def _pays(self, planned: PlannedChunk, known: set[str]) -> bool:
        digest = planned.embedded_hash
        if digest in known or digest in self.paid:
            return False
        self.paid.add(digest)
        return True

    def _known(self, digests: set[str]) -> set[str]:
        """Those of which a vector is there to be copied."""
        points: Mapping[UUID, str] = known_points(self.index.tenant_id, digests)
        held = self._stored(PointSelector(point_ids=list(points))) if points else set()
        return {points[point_id] for point_id in held}

    def _stored(self, selector: PointSelector) -> set[UUID]:
        index = self.index
        if not index.space.dimensions:  # the model was never asked: no vector stands yet
            return set()
        read = partial(index.store.scroll_ids, index.space, index.tenant_id, selector)
        return self.bounded.call(lambda: set(read()))
