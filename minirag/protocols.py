"""The seams: one job each, real adapters and one shipped fake, one contract suite for all of them.

Adapters raise only ``minirag.errors`` exceptions; a vendor's exception ends in the table beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Literal, Protocol
from uuid import UUID

from minirag.types import (
    ChatRequest,
    Delta,
    Embeddings,
    Finish,
    Point,
    PointSelector,
    RawDocument,
    StoredPoint,
    StoredVectors,
    StoreHit,
    VectorQuery,
    VectorSpace,
)


class Embedder(Protocol):
    """Texts to vectors. Blocking; called from worker threads."""

    model: str
    batch_limit: int

    def dimensions(self) -> int:
        """Length of a vector; may cost one tiny call the first time."""

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        """Vectors in the order of ``texts`` (1 to ``batch_limit`` of them).

        Raises ``ProviderUnavailable``, ``ProviderMisconfigured`` or ``ProviderRejected``.
        """

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` as this model counts them, or a close estimate."""


class ChatModel(Protocol):
    """Messages to a stream of text."""

    model: str

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
        """Zero or more ``Delta``, then exactly one ``Finish`` with the provider's own reason.

        A stream cut short, or holding what cannot be parsed, raises ``ProviderUnavailable``; it
        never ends in a made-up ``Finish``. Closing the iterator ends the provider's request.
        """

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` as this model counts them, or a close estimate."""


class VectorStore(Protocol):
    """Points of chunks. Blocking. Nothing is callable without a tenant.

    Every write is durable when the call returns. Raises ``RetrievalUnavailable``; ``Unavailable``
    where another process holds the embedded store; code ``internal`` for vectors of another space.
    """

    def ensure_collection(self, space: VectorSpace) -> None:
        """Create the collection of ``space`` with its indexes, if missing."""

    def upsert(self, space: VectorSpace, tenant_id: UUID, points: Sequence[Point]) -> None:
        """Write points; the same id again replaces, but never another tenant's point.

        A point that lost its tenant is nobody's: it is replaced too.
        """

    def search(self, space: VectorSpace, tenant_id: UUID, query: VectorQuery) -> list[StoreHit]:
        """At most ``query.limit`` hits, best first. Empty ``source_ids`` finds nothing."""

    def delete(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> None:
        """Delete the selected points; a missing collection or point is no error."""

    def count(self, space: VectorSpace, tenant_id: UUID, selector: PointSelector) -> int:
        """Exact number of the selected points; 0 where the collection is missing."""

    def scroll_ids(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[UUID]:
        """Ids of the selected points, each once."""

    def scroll(
        self, space: VectorSpace, tenant_id: UUID, selector: PointSelector
    ) -> Iterator[StoredPoint]:
        """The selected points with the ids that they carry, each once."""

    def vectors(
        self, space: VectorSpace, tenant_id: UUID, point_ids: Sequence[UUID]
    ) -> Mapping[UUID, StoredVectors]:
        """The vectors of those of the tenant's ``point_ids`` that the store holds."""

    def drop_empty(self, space: VectorSpace) -> bool:
        """Give the room of a collection back that holds no point of any tenant.

        False where it holds some, or the store sees to its room by itself.
        """

    def ping(self) -> None:
        """Return when the store answers; raise ``RetrievalUnavailable`` when it does not."""

    def close(self) -> None:
        """Flush and release; further calls are errors."""


class Loader(Protocol):
    """A source to its raw documents. Blocking."""

    def load(self) -> Iterator[RawDocument]:
        """Raises ``UnreadableSource`` or ``AddressRefused`` for the source as a whole."""
