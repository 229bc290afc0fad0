"""Finding: relevance, order, scores, and where there is little to rank."""

from __future__ import annotations

import math
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest

from minirag.errors import RetrievalUnavailable
from minirag.protocols import VectorStore
from minirag.types import PointSelector, VectorQuery, VectorSpace
from tests.vectorstores.corpus import Tenant, dense, make_point, make_query, new_space, ones

EVERYTHING = PointSelector()


def test_ping_returns(store: VectorStore) -> None:
    store.ping()


def test_ensuring_twice_keeps_the_points(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant = uuid4()
    store.upsert(space, tenant, [make_point(rng)])
    store.ensure_collection(space)
    assert store.count(space, tenant, EVERYTHING) == 1


def test_a_missing_collection_holds_nothing(store: VectorStore, rng: np.random.Generator) -> None:
    space, tenant = new_space(), uuid4()
    assert store.count(space, tenant, EVERYTHING) == 0
    assert list(store.scroll_ids(space, tenant, EVERYTHING)) == []
    assert store.search(space, tenant, make_query(rng, [uuid4()])) == []
    store.delete(space, tenant, EVERYTHING)


def test_writing_to_a_missing_collection_is_told(
    store: VectorStore, rng: np.random.Generator
) -> None:
    with pytest.raises(RetrievalUnavailable):
        store.upsert(new_space(), uuid4(), [make_point(rng)])


def test_the_same_id_replaces(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant, first = uuid4(), make_point(rng)
    second = replace(make_point(rng), id=first.id)
    store.upsert(space, tenant, [first])
    store.upsert(space, tenant, [second])
    assert store.count(space, tenant, EVERYTHING) == 1
    assert store.count(space, tenant, PointSelector(source_ids=[first.source_id])) == 0
    (hit,) = store.search(
        space, tenant, VectorQuery(second.dense, second.sparse, [second.source_id], 5)
    )
    assert (hit.point_id, hit.chunk_id) == (first.id, second.chunk_id)
    assert hit.cosine == pytest.approx(1.0, abs=1e-4)


def test_search_finds_the_nearest_and_the_one_that_says_it(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant = Tenant.with_points(rng, sources=1, each=30)
    wanted = replace(make_point(rng, tenant.source_ids[0]), sparse=ones(1000, 1001))
    store.upsert(space, tenant.id, [*tenant.points, wanted])
    sources = tenant.source_ids

    near = store.search(space, tenant.id, VectorQuery(wanted.dense, ones(), sources, 3))
    assert near[0].point_id == wanted.id
    assert near[0].cosine == pytest.approx(1.0, abs=1e-4)

    said = store.search(space, tenant.id, VectorQuery(-wanted.dense, ones(1000), sources, 31))
    hit = next(hit for hit in said if hit.point_id == wanted.id)
    assert hit.cosine == pytest.approx(-1.0, abs=1e-4)
    both = store.search(space, tenant.id, VectorQuery(wanted.dense, ones(1000), sources, 31))
    assert both[0].point_id == wanted.id
    assert both[0].score > near[0].score


def test_hits_come_best_first_and_no_more_than_asked(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant = Tenant.with_points(rng, sources=2, each=20)
    store.upsert(space, tenant.id, tenant.points)
    for limit in (1, 7, 40, 200):
        hits = store.search(space, tenant.id, make_query(rng, tenant.source_ids, limit))
        assert len(hits) == min(limit, 40)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len({hit.point_id for hit in hits}) == len(hits)
    assert store.search(space, tenant.id, make_query(rng, tenant.source_ids, 0)) == []


def test_cosine_is_the_absolute_one(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant = Tenant.with_points(rng, sources=1, each=10)
    stretched = [replace(point, dense=point.dense * 7) for point in tenant.points]
    store.upsert(space, tenant.id, stretched)
    query = make_query(rng, tenant.source_ids)
    by_id = {point.id: point for point in tenant.points}
    for hit in store.search(space, tenant.id, query):
        point = by_id[hit.point_id]
        assert hit.cosine == pytest.approx(float(point.dense @ query.dense), abs=1e-3)
        assert (hit.chunk_id, hit.document_id) == (point.chunk_id, point.document_id)


# --- where a fusion by distribution has no distribution ----------------------------------------


@pytest.mark.parametrize("copies", [1, 2, 5])
@pytest.mark.parametrize("terms", [ones(), ones(3), ones(9999)], ids=["none", "met", "unmet"])
def test_few_or_equal_candidates_give_finite_scores(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator, copies: int, terms: object
) -> None:
    assert isinstance(terms, type(ones()))
    tenant, pattern = uuid4(), replace(make_point(rng), sparse=ones(3))
    store.upsert(space, tenant, [replace(pattern, id=uuid4()) for _ in range(copies)])
    query = VectorQuery(dense(rng), terms, [pattern.source_id], 10)
    hits = store.search(space, tenant, query)
    assert len(hits) == copies
    expected = 1.0 if terms == ones(3) else 0.5
    assert [hit.score for hit in hits] == pytest.approx([expected] * copies, abs=1e-5)
    assert all(math.isfinite(hit.cosine) for hit in hits)


def test_points_without_words_and_a_zero_query_are_no_error(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant, point = uuid4(), replace(make_point(rng), sparse=ones())
    store.upsert(space, tenant, [point])
    zero = np.zeros(space.dimensions, dtype=np.float32)
    (hit,) = store.search(space, tenant, VectorQuery(zero, ones(1), [point.source_id], 5))
    assert (hit.point_id, hit.cosine) == (point.id, 0.0)
