"""The adapters that the contract suite runs on, each opened in its own way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minirag.protocols import VectorStore
from minirag.vectorstores.edge import EdgeStore
from minirag.vectorstores.memory import MemoryStore
from minirag.vectorstores.qdrant import QdrantStore
from tests.doubles.qdrant_rest import QdrantDouble

Opener = Callable[[], VectorStore]

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
