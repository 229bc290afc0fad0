"""Frozen values that the stages and seams hand each other, without behaviour."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
JSONScalar = str | int | float | bool


class Stage(StrEnum):
    """Where an ingest job stands."""

    LOAD = "load"
    CHUNK = "chunk"
    EMBED = "embed"
    INDEX = "index"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one provider call. ``estimated`` when the provider gave no numbers."""

    input_tokens: int
    output_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """Decrypted provider credentials of one bot or tenant. Its repr shows no value."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.values)


# --- texts on their way in ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document's normalised text, ``text[start:end]``, in Unicode code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading(Span):
    """A heading's place. ``level`` is 1 for the highest. The span covers the heading's own line."""

    level: int
    title: str


@dataclass(frozen=True, slots=True)
class PageSpan(Span):
    """A page's place; ``number`` is 1-based."""

    number: int


@dataclass(frozen=True, slots=True)
class Cut(Span):
    """Where a chunk stands in its document's text, and what the text alone does not say of it."""

    token_count: int
    heading_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser made of bytes: normalised text with its structure at exact offsets.

    ``cuts`` is where its chunks stand, if whoever parsed it was asked for them as well.
    """

    text: str
    title: str = ""
    headings: tuple[Heading, ...] = ()
    pages: tuple[PageSpan, ...] = ()
    metadata: Mapping[str, JSONScalar] = field(default_factory=dict)
    cuts: tuple[Cut, ...] | None = None


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document as a loader found it, not parsed yet.

    ``key`` is its stable identity inside the source (file name, URL, or ``text``). ``password``
    opens it where it is encrypted.
    """

    key: str
    content: bytes
    mime_type: str
    title: str = ""
    url: str | None = None
    metadata: Mapping[str, JSONScalar] = field(default_factory=dict)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TextChunk(Span):
    """A chunk: always ``document.text[start:end] == text``."""

    ordinal: int
    text: str
    token_count: int
    heading_path: tuple[str, ...] = ()
    # The page it starts on; the places in the document where further pages begin, with their page.
    page: int | None = None
    page_breaks: tuple[tuple[int, int], ...] = ()


# --- vectors -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Embeddings:
    """``vectors`` has shape (number of texts, dimensions), float32, L2-normalised."""

    vectors: Vector
    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term weights. Indices are unique."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """One embedding model at one version: vectors of two spaces are never compared."""

    model: str
    dimensions: int
    version: int = 1

    @property
    def collection(self) -> str:
        """Physical collection name behind the stable name ``minirag_chunks``."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.lower()).strip("-")[:40]
        digest = hashlib.sha256(f"{self.model}\0{self.dimensions}".encode()).hexdigest()[:8]
        return f"minirag_chunks__{slug}-{digest}-v{self.version}"


@dataclass(frozen=True, slots=True)
class Point:
    """One chunk in the store: ids and vectors only, never text."""

    id: UUID
    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    dense: Vector
    sparse: SparseVector


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """What a store says of a point beside its vectors; None where the field is lost or damaged."""

    id: UUID
    chunk_id: UUID | None
    document_id: UUID | None
    source_id: UUID | None


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """A point's vectors as the store holds them: ``dense`` is float32, L2-normalised."""

    dense: Vector
    sparse: SparseVector


@dataclass(frozen=True, slots=True)
class PointSelector:
    """Which points of one tenant. ``None`` means any; an empty sequence selects nothing."""

    source_ids: Sequence[UUID] | None = None
    document_ids: Sequence[UUID] | None = None
    point_ids: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """A hybrid query: dense and sparse candidates, fused by distribution (DBSF) in the store."""

    dense: Vector
    sparse: SparseVector
    source_ids: Sequence[UUID]
    limit: int


@dataclass(frozen=True, slots=True)
class StoreHit:
    """A proposal of the store. ``score`` is the fused rank score, ``cosine`` absolute (-1 to 1)."""

    point_id: UUID
    chunk_id: UUID
    document_id: UUID
    score: float
    cosine: float


# --- chat models -------------------------------------------------------------------------------

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message of a prompt."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved chunk as the answer may cite it: ``[marker]``."""

    marker: int
    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    title: str
    text: str
    start: int
    end: int
    score: float
    cosine: float
    page: int | None = None
    page_breaks: tuple[tuple[int, int], ...] = ()
    heading_path: tuple[str, ...] = ()
    url: str | None = None
    metadata: Mapping[str, JSONScalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of a chat model.

    ``messages`` is the whole prompt; ``question`` and ``passages`` are the same in structure, for
    models that quote instead of generate, and ``query`` is what the passages were searched with.
    """

    messages: tuple[ChatTurn, ...]
    question: str = ""
    passages: tuple[Passage, ...] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Last item of a stream: the provider's own reason and numbers."""

    reason: FinishReason
    usage: TokenUsage
