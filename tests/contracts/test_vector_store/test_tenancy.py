"""Tenants share a collection and nothing else."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest

from minirag.protocols import VectorStore
from minirag.types import PointSelector, VectorQuery, VectorSpace
from tests.vectorstores.corpus import Tenant, make_point, make_query

EVERYTHING = PointSelector()


def test_tenants_with_the_same_vectors_stay_apart(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    mine = Tenant.with_points(rng, sources=2, each=10)
    yours = Tenant(points=[replace(point, id=uuid4()) for point in mine.points])
    for tenant in (mine, yours):
        store.upsert(space, tenant.id, tenant.points)
    for tenant in (mine, yours):
        own = {point.id for point in tenant.points}
        hits = store.search(space, tenant.id, make_query(rng, tenant.source_ids, 100))
        assert {hit.point_id for hit in hits} == own
        assert set(store.scroll_ids(space, tenant.id, EVERYTHING)) == own
        assert store.count(space, tenant.id, EVERYTHING) == len(own)
    assert store.count(space, mine.id, PointSelector(point_ids=[yours.points[0].id])) == 0
    assert store.search(space, uuid4(), make_query(rng, mine.source_ids)) == []


def test_deleting_reaches_no_other_tenant(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    victim = Tenant.with_points(rng, sources=1, each=4)
    store.upsert(space, victim.id, victim.points)
    stranger = uuid4()
    for selector in (
        EVERYTHING,
        PointSelector(source_ids=victim.source_ids),
        PointSelector(document_ids=victim.document_ids),
        PointSelector(point_ids=[point.id for point in victim.points]),
    ):
        store.delete(space, stranger, selector)
    assert store.count(space, victim.id, EVERYTHING) == 4


def test_nobody_overwrites_another_tenants_point(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    victim, stranger, point = uuid4(), uuid4(), make_point(rng)
    store.upsert(space, victim, [point])
    store.upsert(space, stranger, [replace(make_point(rng), id=point.id)])
    assert store.count(space, stranger, EVERYTHING) == 0
    (hit,) = store.search(
        space, victim, VectorQuery(point.dense, point.sparse, [point.source_id], 5)
    )
    assert hit.chunk_id == point.chunk_id


def test_rare_words_are_judged_within_the_tenant(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    """What others write changes no score: else one tenant could feel another's words."""
    mine = Tenant.with_points(rng, sources=1, each=12)
    store.upsert(space, mine.id, mine.points)
    query = make_query(rng, mine.source_ids)
    before = store.search(space, mine.id, query)
    shouting = [replace(make_point(rng), sparse=query.sparse) for _ in range(60)]
    store.upsert(space, uuid4(), shouting)
    after = store.search(space, mine.id, query)
    assert [hit.point_id for hit in after] == [hit.point_id for hit in before]
    assert [hit.score for hit in after] == pytest.approx([hit.score for hit in before], abs=1e-5)
