"""Counting, listing and deleting take what is selected and no more."""

from __future__ import annotations

from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirag.protocols import VectorStore
from minirag.types import PointSelector, VectorSpace
from tests.vectorstores.corpus import Tenant, make_query, new_space

EVERYTHING = PointSelector()


def test_source_filter_and_its_empty_list(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant = Tenant.with_points(rng, sources=3, each=8)
    store.upsert(space, tenant.id, tenant.points)
    one = tenant.source_ids[0]
    hits = store.search(space, tenant.id, make_query(rng, [one, uuid4()], 100))
    assert {hit.point_id for hit in hits} == tenant.selected(PointSelector(source_ids=[one]))
    assert store.search(space, tenant.id, make_query(rng, [], 100)) == []
    for nothing in (
        PointSelector(source_ids=[]),
        PointSelector(document_ids=[]),
        PointSelector(point_ids=[]),
    ):
        assert store.count(space, tenant.id, nothing) == 0
        assert list(store.scroll_ids(space, tenant.id, nothing)) == []
        store.delete(space, tenant.id, nothing)
    assert store.count(space, tenant.id, EVERYTHING) == 24


@pytest.mark.parametrize("by", ["source_ids", "document_ids", "point_ids", "tenant"])
def test_delete_takes_the_selected_and_no_more(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator, by: str
) -> None:
    tenant = Tenant.with_points(rng, sources=2, each=10)
    store.upsert(space, tenant.id, tenant.points)
    selector = {
        "source_ids": PointSelector(source_ids=tenant.source_ids[:1]),
        "document_ids": PointSelector(document_ids=tenant.document_ids[:3]),
        "point_ids": PointSelector(point_ids=[point.id for point in tenant.points[:7]]),
        "tenant": EVERYTHING,
    }[by]
    gone = tenant.selected(selector)
    for _ in range(2):  # what is gone already is no error
        store.delete(space, tenant.id, selector)
        left = {point.id for point in tenant.points} - gone
        assert gone
        assert set(store.scroll_ids(space, tenant.id, EVERYTHING)) == left
        hits = store.search(space, tenant.id, make_query(rng, tenant.source_ids, 100))
        assert {hit.point_id for hit in hits} == left


def test_deleting_what_never_was_is_no_error(store: VectorStore, space: VectorSpace) -> None:
    store.delete(space, uuid4(), PointSelector(point_ids=[uuid4()], source_ids=[uuid4()]))


def test_scroll_gives_each_id_once_over_many_pages(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant = Tenant.with_points(rng, sources=5, each=500)
    store.upsert(space, tenant.id, tenant.points)
    store.upsert(space, uuid4(), Tenant.with_points(rng, sources=1, each=100).points)
    ids = list(store.scroll_ids(space, tenant.id, EVERYTHING))
    assert len(ids) == 2500
    assert set(ids) == {point.id for point in tenant.points}
    assert store.count(space, tenant.id, EVERYTHING) == 2500
    part = PointSelector(source_ids=tenant.source_ids[:3])
    assert set(store.scroll_ids(space, tenant.id, part)) == tenant.selected(part)
    many = PointSelector(point_ids=[point.id for point in tenant.points[:1500]])
    assert store.count(space, tenant.id, many) == 1500


@pytest.fixture(scope="module")
def crowd(store: VectorStore) -> tuple[VectorSpace, Tenant, Tenant]:
    rng = np.random.default_rng(7)
    space = new_space()
    store.ensure_collection(space)
    tenants = [Tenant.with_points(rng, sources=3, each=6) for _ in range(2)]
    for tenant in tenants:
        store.upsert(space, tenant.id, tenant.points)
    return space, tenants[0], tenants[1]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_selector_gives_exactly_own_points(
    store: VectorStore, crowd: tuple[VectorSpace, Tenant, Tenant], data: st.DataObject
) -> None:
    space, mine, yours = crowd

    def some(own: list[UUID], foreign: list[UUID]) -> list[UUID] | None:
        pool = st.sampled_from([*own, *foreign, UUID(int=0)])
        return data.draw(st.none() | st.lists(pool, max_size=6))

    selector = PointSelector(
        source_ids=some(mine.source_ids, yours.source_ids),
        document_ids=some(mine.document_ids, yours.document_ids),
        point_ids=some([p.id for p in mine.points], [p.id for p in yours.points]),
    )
    expected = mine.selected(selector)
    assert store.count(space, mine.id, selector) == len(expected)
    assert set(store.scroll_ids(space, mine.id, selector)) == expected
    sources = selector.source_ids or []
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    limit = data.draw(st.integers(1, 30))
    hits = store.search(space, mine.id, make_query(rng, list(sources), limit))
    assert {h.point_id for h in hits} <= mine.selected(PointSelector(source_ids=sources))
