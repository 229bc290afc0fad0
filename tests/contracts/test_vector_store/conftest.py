"""Each adapter, opened once per module; tests keep apart by tenant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from minirag.protocols import VectorStore
from minirag.types import VectorSpace
from tests.vectorstores.corpus import new_space
from tests.vectorstores.harness import ALL, adapter


@pytest.fixture(scope="module", params=ALL)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VectorStore]:
    with adapter(request.param, tmp_path_factory.mktemp("store")) as opened:
        store = opened()
        yield store
        store.close()


@pytest.fixture(scope="module")
def space(store: VectorStore) -> VectorSpace:
    space = new_space()
    store.ensure_collection(space)
    return space


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261123)
