"""Random points of which a test knows everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np

from minirag.types import Point, PointSelector, SparseVector, VectorQuery, VectorSpace

DIMENSIONS = 8
VOCABULARY = 60


def new_space(version: int = 1, model: str | None = None) -> VectorSpace:
    return VectorSpace(model or f"test/{uuid4()}", DIMENSIONS, version)


def dense(rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    vector = rng.normal(size=DIMENSIONS).astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def sparse(rng: np.random.Generator, terms: int = 6) -> SparseVector:
    indices = sorted(rng.choice(VOCABULARY, size=terms, replace=False).tolist())
    return SparseVector(tuple(indices), tuple(rng.uniform(0.5, 2.0, size=terms).tolist()))


def ones(*indices: int) -> SparseVector:
    return SparseVector(indices, (1.0,) * len(indices))


def make_point(
    rng: np.random.Generator, source_id: UUID | None = None, document_id: UUID | None = None
) -> Point:
    return Point(
        id=uuid4(),
        chunk_id=uuid4(),
        document_id=document_id or uuid4(),
        source_id=source_id or uuid4(),
        dense=dense(rng),
        sparse=sparse(rng),
    )


def make_query(rng: np.random.Generator, source_ids: list[UUID], limit: int = 10) -> VectorQuery:
    terms = rng.choice(VOCABULARY, size=3, replace=False).tolist()
    return VectorQuery(dense(rng), ones(*sorted(terms)), source_ids, limit)


@dataclass
class Tenant:
    """A tenant with two documents in each of its sources."""

    id: UUID = field(default_factory=uuid4)
    points: list[Point] = field(default_factory=list)

    @classmethod
    def with_points(cls, rng: np.random.Generator, *, sources: int, each: int) -> Tenant:
        tenant = cls()
        for _ in range(sources):
            source, documents = uuid4(), (uuid4(), uuid4())
            tenant.points += [make_point(rng, source, documents[i % 2]) for i in range(each)]
        return tenant

    @property
    def source_ids(self) -> list[UUID]:
        return sorted({point.source_id for point in self.points})

    @property
    def document_ids(self) -> list[UUID]:
        return sorted({point.document_id for point in self.points})

    def selected(self, selector: PointSelector) -> set[UUID]:
        """The oracle: ids of the points that a selector means."""
        pairs = (
            ("source_id", selector.source_ids),
            ("document_id", selector.document_ids),
            ("id", selector.point_ids),
        )
        return {
            point.id
            for point in self.points
            if all(ids is None or getattr(point, name) in ids for name, ids in pairs)
        }
