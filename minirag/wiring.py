"""Which parts this process runs with. The only place where settings choose an adapter.

Embedded: no ``REDIS_URL``; one process with the store inside it. Services: several web and worker
processes on Redis, PostgreSQL and a Qdrant server.
"""

from __future__ import annotations

import atexit
import os
import threading

from django.conf import settings

from minirag.protocols import ChatModel, Embedder, VectorStore
from minirag.providers import build_chat_model, build_embedder
from minirag.types import Credentials
from minirag.vectorstores.edge import EdgeStore
from minirag.vectorstores.qdrant import QdrantStore

_lock = threading.Lock()
_store: VectorStore | None = None


def is_embedded() -> bool:
    """Whether web, worker and scheduler share this one process."""
    return not settings.REDIS_URL


def vector_store() -> VectorStore:
    """The process's store, opened at first use (after any fork)."""
    global _store
    with _lock:
        if _store is None:
            _store = _open_store()
        return _store


def _open_store() -> VectorStore:
    if settings.QDRANT_URL:
        return QdrantStore(
            settings.QDRANT_URL,
            settings.QDRANT_API_KEY,
            timeout=settings.MINIRAG_QDRANT_TIMEOUT,
        )
    return EdgeStore(settings.MINIRAG_DATA_DIR / "vectors")


def close_store() -> None:
    """Flush and release the store; the next use opens it again."""
    global _store
    with _lock:
        store, _store = _store, None
    if store is not None:
        store.close()


def _forget_store() -> None:
    global _store
    _store = None


atexit.register(close_store)
# The engine does not survive a fork: the child opens its own.
os.register_at_fork(after_in_child=_forget_store)


def embedder(model: str, credentials: Credentials) -> Embedder:
    """The embedder behind a tenant's model string."""
    return build_embedder(model, credentials)


def chat_model(model: str, credentials: Credentials) -> ChatModel:
    """The chat model behind a bot's model string. Quoting models score with the local embedder."""
    return build_chat_model(model, credentials)
