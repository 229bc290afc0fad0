"""Spaces, threads, closing and opening again, and agreement with the reference."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from minirag.errors import ErrorCode, MiniRAGError, RetrievalUnavailable
from minirag.protocols import VectorStore
from minirag.types import Point, PointSelector, StoreHit, VectorQuery, VectorSpace
from minirag.vectorstores.memory import MemoryStore
from tests.vectorstores.corpus import Tenant, make_point, make_query, new_space, ones
from tests.vectorstores.harness import ALL, KEEPING, adapter

EVERYTHING = PointSelector()


# --- spaces ------------------------------------------------------------------------------------


def test_versions_of_one_model_do_not_mix(store: VectorStore, rng: np.random.Generator) -> None:
    old = new_space()
    new = new_space(version=2, model=old.model)
    tenant, point = uuid4(), make_point(rng)
    for space in (old, new):
        store.ensure_collection(space)
    store.upsert(old, tenant, [point])
    assert store.count(new, tenant, EVERYTHING) == 0
    assert store.search(new, tenant, make_query(rng, [point.source_id])) == []
    store.upsert(new, tenant, [point])
    store.delete(old, tenant, EVERYTHING)
    assert store.count(new, tenant, EVERYTHING) == 1


@pytest.mark.parametrize("fault", ["short", "long", "nan"])
def test_vectors_of_another_space_are_refused(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator, fault: str
) -> None:
    point = make_point(rng)
    wrong = {
        "short": point.dense[:-1],
        "long": np.append(point.dense, np.float32(1)),
        "nan": np.full(space.dimensions, np.nan, dtype=np.float32),
    }[fault]
    tenant = uuid4()
    for call in (
        lambda: store.upsert(space, tenant, [point, replace(point, dense=wrong)]),
        lambda: store.search(space, tenant, VectorQuery(wrong, ones(1), [uuid4()], 5)),
    ):
        with pytest.raises(MiniRAGError) as caught:
            call()
        assert caught.value.code == ErrorCode.INTERNAL
    assert store.count(space, tenant, EVERYTHING) == 0


# --- threads, closing, agreement ---------------------------------------------------------------


def test_writers_and_searchers_at_once(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenants = [Tenant.with_points(rng, sources=1, each=120) for _ in range(3)]
    done = threading.Event()

    def write(tenant: Tenant) -> None:
        for start in range(0, 120, 30):
            store.upsert(space, tenant.id, tenant.points[start : start + 30])
        store.delete(space, tenant.id, PointSelector(point_ids=[tenant.points[0].id]))

    def search(tenant: Tenant) -> int:
        own, searches = {point.id for point in tenant.points}, 0
        local = np.random.default_rng(searches)
        while not done.is_set() or searches == 0:
            hits = store.search(space, tenant.id, make_query(local, tenant.source_ids))
            assert {hit.point_id for hit in hits} <= own
            searches += 1
        return searches

    with ThreadPoolExecutor(6) as pool:
        searching = [pool.submit(search, tenant) for tenant in tenants]
        writing = [pool.submit(write, tenant) for tenant in tenants]
        try:
            for future in writing:
                future.result(timeout=60)
        finally:
            done.set()
        assert all(future.result(timeout=60) for future in searching)
    for tenant in tenants:
        assert store.count(space, tenant.id, EVERYTHING) == 119


@pytest.mark.parametrize("name", ALL)
def test_a_closed_store_says_so_and_closes_again(name: str, tmp_path: Path) -> None:
    with adapter(name, tmp_path) as opened:
        store = opened()
        store.ensure_collection(new_space())
        store.close()
        store.close()
        for call in (store.ping, lambda: store.count(new_space(), uuid4(), EVERYTHING)):
            with pytest.raises(RetrievalUnavailable):
                call()


@pytest.mark.parametrize("name", KEEPING)
def test_reopening_keeps_everything(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    space, tenant = new_space(), Tenant.with_points(rng, sources=2, each=50)
    query = make_query(rng, tenant.source_ids)
    with adapter(name, tmp_path) as opened:
        store = opened()
        store.ensure_collection(space)
        store.upsert(space, tenant.id, tenant.points)
        before = store.search(space, tenant.id, query)
        store.close()
        again = opened()
        assert again.count(space, tenant.id, EVERYTHING) == 100
        assert again.search(space, tenant.id, query) == before
        again.delete(space, tenant.id, EVERYTHING)
        again.close()
        last = opened()
        assert last.count(space, tenant.id, EVERYTHING) == 0
        last.close()


@pytest.mark.parametrize("name", KEEPING)
def test_all_adapters_rank_as_the_reference(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    space = new_space()
    tenants = [Tenant.with_points(rng, sources=4, each=70) for _ in range(2)]
    with adapter(name, tmp_path) as opened:
        store, reference = opened(), MemoryStore()
        for each in (store, reference):
            each.ensure_collection(space)
            for tenant in tenants:
                each.upsert(space, tenant.id, tenant.points)
                each.delete(space, tenant.id, PointSelector(point_ids=[tenant.points[5].id]))
        for tenant in tenants:
            for _ in range(15):
                query = make_query(rng, tenant.source_ids[: int(rng.integers(1, 5))])
                assert_same(
                    store.search(space, tenant.id, query),
                    reference.search(space, tenant.id, query),
                )
        store.close()


def assert_same(hits: list[StoreHit], expected: list[StoreHit]) -> None:
    assert [hit.point_id for hit in hits] == [hit.point_id for hit in expected]
    for name in ("score", "cosine"):
        assert [getattr(hit, name) for hit in hits] == pytest.approx(
            [getattr(hit, name) for hit in expected], abs=2e-3
        )


def test_a_point_is_ids_and_vectors_only() -> None:
    """No text, no title: a store that leaks tells nothing."""
    assert set(Point.__slots__) == {
        "id",
        "chunk_id",
        "document_id",
        "source_id",
        "dense",
        "sparse",
    }
