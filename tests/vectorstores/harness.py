"""The adapters that the contract suite runs on, each opened in its own way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import qdrant_edge as engine

from minirag.protocols import VectorStore
from minirag.types import VectorSpace
from minirag.vectorstores.edge import EdgeStore
from minirag.vectorstores.memory import MemoryStore
from minirag.vectorstores.qdrant import QdrantStore
from tests.doubles.qdrant_rest import QdrantDouble

Opener = Callable[[], VectorStore]
ShardOf = Callable[[VectorSpace], engine.EdgeShard]

# A real server takes part where one is named; the double never stands in for it silently.
REAL_URL = os.environ.get("QDRANT_URL", "")
KEEPING = ["edge", "qdrant", *(["qdrant-real"] if REAL_URL else [])]
ALL = ["memory", *KEEPING]


@contextmanager
def adapter(name: str, folder: Path) -> Iterator[Opener]:
    """A function that opens the store, again if need be. Ends with no violation of tenancy."""
    if name == "memory":
        yield MemoryStore
    elif name == "edge":
        yield lambda: EdgeStore(folder / "vectors")
    elif name == "qdrant":
        with QdrantDouble(folder / "double") as double:
            yield lambda: QdrantStore(double.url)
            assert double.violations == []
    else:
        yield lambda: QdrantStore(REAL_URL, os.environ.get("QDRANT_API_KEY", ""))


@contextmanager
def opened_up(name: str, folder: Path) -> Iterator[tuple[VectorStore, ShardOf]]:
    """A store, and the shards behind its back: for damage that no call of ours does."""
    if name == "edge":
        edge = EdgeStore(folder / "vectors")
        yield edge, lambda space: _there(edge._shard(space))
        edge.close()
        return
    with QdrantDouble(folder / "double") as double:
        store = QdrantStore(double.url)
        yield store, lambda space: double.collections.shard(space.collection)
        store.close()
        assert double.violations == []


def _there(shard: engine.EdgeShard | None) -> engine.EdgeShard:
    assert shard is not None
    return shard


def strip_payload(shard: engine.EdgeShard, point_ids: Iterable[UUID]) -> None:
    """Take the payload off points, as the crash of an engine once did."""
    shard.update(engine.UpdateOperation.clear_payload(list(point_ids)))
    shard.flush()
