"""Passages ranked as a search ranks them: our sparse vectors, MiniLM, the store's own fusion."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt

from minirag.providers import local_embedder
from minirag.providers.minilm import WINDOW
from minirag.sparse import encode_documents, encode_query
from minirag.types import Point, SparseVector, VectorQuery, VectorSpace
from minirag.vectorstores.edge import EdgeStore

_SPACE = VectorSpace("local/minilm-l6-v2", 384, 1)
_BATCH = 16
# False: only the first 256 word pieces of a text are embedded, as MiniLM by itself would.
whole_texts = True
_vectors: dict[bytes, npt.NDArray[np.float32]] = {}


def embedded(texts: Sequence[str]) -> list[npt.NDArray[np.float32]]:
    """MiniLM's vectors; each text is embedded once in this process, on two cores."""
    keys = [hashlib.sha256(text.encode()).digest() for text in texts]
    missing = list(
        {key: text for key, text in zip(keys, texts, strict=True) if key not in _vectors}.items()
    )
    batches = [missing[at : at + _BATCH] for at in range(0, len(missing), _BATCH)]

    def embed(batch: Sequence[tuple[bytes, str]]) -> None:
        read = [text if whole_texts else _first_window(text) for _, text in batch]
        made = local_embedder().embed(read, purpose="document").vectors
        _vectors.update({key: vector for (key, _), vector in zip(batch, made, strict=True)})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(embed, batches))
    return [_vectors[key] for key in keys]


def _first_window(text: str) -> str:
    """As much of ``text`` as one window of the model holds, about."""
    while local_embedder().count_tokens(text) > WINDOW:
        text = text[: min(len(text) - 1, len(text) * WINDOW // local_embedder().count_tokens(text))]
    return text


class Passages:
    """An index of ``texts`` in a store of its own; ranks are places in ``texts``.

    ``embed_as`` where what is embedded and indexed differs (a heading path before the text).
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._tenant, self._source = uuid4(), uuid4()
        self._ids = [uuid4() for _ in texts]
        self._places = {pk: at for at, pk in enumerate(self._ids)}
        self._folder = Path(tempfile.mkdtemp(prefix="minirag-bench-"))
        self._store = EdgeStore(self._folder)
        self._sparse = encode_documents(texts)
        self._postings = _postings(self._sparse)
        self._store.ensure_collection(_SPACE)
        document = uuid4()
        dense = embedded(texts)
        points = [
            Point(pk, pk, document, self._source, dense[at], self._sparse[at])
            for at, pk in enumerate(self._ids)
        ]
        self._store.upsert(_SPACE, self._tenant, points)

    def close(self) -> None:
        self._store.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def lexical(self, question: str, limit: int) -> list[int]:
        """By BM25 alone."""
        scores = np.zeros(len(self._ids))
        total = len(self._ids)
        for term in encode_query(question).indices:
            places, weights = self._postings.get(term, ((), ()))
            idf = np.log(1 + (total - len(places) + 0.5) / (len(places) + 0.5))
            scores[list(places)] += idf * np.asarray(weights)
        return [int(at) for at in np.argsort(-scores, kind="stable")[:limit]]

    def hybrid(self, question: str, limit: int) -> list[int]:
        """As ``POST /v1/search`` does it."""
        dense = local_embedder().embed([question], purpose="query").vectors[0]
        query = VectorQuery(dense, encode_query(question), [self._source], limit)
        return [
            self._place(hit.chunk_id) for hit in self._store.search(_SPACE, self._tenant, query)
        ]

    def _place(self, pk: UUID) -> int:
        return self._places[pk]


def _postings(vectors: Sequence[SparseVector]) -> dict[int, tuple[list[int], list[float]]]:
    found: dict[int, tuple[list[int], list[float]]] = {}
    for at, vector in enumerate(vectors):
        for term, weight in zip(vector.indices, vector.values, strict=True):
            places, weights = found.setdefault(term, ([], []))
            places.append(at)
            weights.append(weight)
    return found
