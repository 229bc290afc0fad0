"""What a store tells of its points: their ids, their vectors; and points that lost their tenant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from minirag.protocols import VectorStore
from minirag.types import PointSelector, VectorSpace
from tests.vectorstores.corpus import Tenant, make_point, new_space
from tests.vectorstores.harness import ALL, adapter, opened_up, strip_payload

EVERYTHING = PointSelector()


def test_scroll_tells_what_each_point_carries(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant, other = (Tenant.with_points(rng, sources=2, each=20) for _ in range(2))
    for each in (tenant, other):
        store.upsert(space, each.id, each.points)
    for selector in (
        EVERYTHING,
        PointSelector(document_ids=tenant.document_ids[:1]),
        PointSelector(point_ids=[tenant.points[0].id, other.points[0].id]),
        PointSelector(source_ids=[]),
    ):
        found = list(store.scroll(space, tenant.id, selector))
        assert {(p.id, p.chunk_id, p.document_id, p.source_id) for p in found} == {
            (p.id, p.chunk_id, p.document_id, p.source_id)
            for p in tenant.points
            if p.id in tenant.selected(selector)
        }
        assert len(found) == len({p.id for p in found})


def test_vectors_come_back_as_they_were_written(
    store: VectorStore, space: VectorSpace, rng: np.random.Generator
) -> None:
    tenant, other = Tenant.with_points(rng, sources=1, each=150), make_point(rng)
    store.upsert(space, tenant.id, tenant.points)
    store.upsert(space, uuid4(), [other])
    wanted = [point.id for point in tenant.points]
    found = store.vectors(space, tenant.id, [*wanted, other.id, uuid4()])
    assert set(found) == set(wanted)
    for point in tenant.points:
        vectors = found[point.id]
        assert vectors.dense.dtype == np.float32
        np.testing.assert_allclose(vectors.dense, point.dense, atol=1e-6)
        assert dict(zip(vectors.sparse.indices, vectors.sparse.values, strict=True)) == (
            pytest.approx(dict(zip(point.sparse.indices, point.sparse.values, strict=True)))
        )
    assert store.vectors(space, tenant.id, []) == {}


def test_nothing_is_read_from_a_collection_that_is_missing(store: VectorStore) -> None:
    nowhere = new_space()
    assert list(store.scroll(nowhere, uuid4(), EVERYTHING)) == []
    assert store.vectors(nowhere, uuid4(), [uuid4()]) == {}
    assert store.drop_empty(nowhere) is False


@pytest.mark.parametrize("name", ALL)
def test_a_collection_is_dropped_only_when_nobody_has_points_in_it(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    space, tenant, other = new_space(), uuid4(), uuid4()
    with adapter(name, tmp_path) as opened:
        store = opened()
        store.ensure_collection(space)
        for each in (tenant, other):
            store.upsert(space, each, [make_point(rng)])
        store.delete(space, tenant, EVERYTHING)
        assert store.drop_empty(space) is False
        assert store.count(space, other, EVERYTHING) == 1
        store.delete(space, other, EVERYTHING)
        assert store.drop_empty(space) is not name.startswith("qdrant")
        store.ensure_collection(space)  # it may come again
        store.upsert(space, other, [make_point(rng)])
        assert store.count(space, other, EVERYTHING) == 1
        store.close()


@pytest.mark.parametrize("name", ["edge", "qdrant"])
def test_a_point_that_lost_its_payload_is_nobodys_and_replaced(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    space, tenant, point = new_space(), uuid4(), make_point(rng)
    own = PointSelector(source_ids=[point.source_id])
    with opened_up(name, tmp_path) as (store, shard_of):
        store.ensure_collection(space)
        store.upsert(space, tenant, [point])
        strip_payload(shard_of(space), [point.id])
        assert store.count(space, tenant, EVERYTHING) == 0
        store.upsert(space, tenant, [point])
        assert store.count(space, tenant, own) == 1
        # Now it has an owner again: nobody else replaces it.
        store.upsert(space, uuid4(), [replace(point, source_id=uuid4())])
        assert store.count(space, tenant, own) == 1
