"""What is to become of a document's chunks: which rows stand, which are new, which point each has.

Rows are matched by (document, text hash, occurrence) and keep id, enabled flag and citations. New
ids are derived from the same three, so that a repeated attempt makes the same rows and points.

Points: a chunk whose text and heading path stand keeps its point. Others get a point of the next
generation, ``uuid5(chunk, generation, embedded text)``: the same one in every collection, so that
an index of another model can stand beside this one and take over without a row changing. A reader
trusts only points that a chunk row names, and the rows of a document change in one transaction; so
a search sees the old version whole or the new one whole, whichever points the store holds by then.
An id names what was embedded, and a collection by which model; therefore a point that is found
there already needs no second embedding: that is how an attempt goes on where the last one broke
off. Ids of a past generation never come back, so a late delete of a stalled worker hits nothing
that lives.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from ingestion.chunking import embedding_hash, embedding_text
from minirag.types import JSONScalar, TextChunk
from sources.models import Chunk, Document


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """One chunk row as it shall be."""

    id: UUID
    point_id: UUID
    text_hash: str
    occurrence: int
    embedded_hash: str
    chunk: TextChunk

    @property
    def embedded(self) -> str:
        return embedding_text(self.chunk.heading_path, self.chunk.text)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored of a document beside its text."""

    title: str
    url: str
    mime_type: str
    content_hash: str
    metadata: Mapping[str, JSONScalar] = field(default_factory=dict)
    # The stored file that was read; empty where there is none.
    stored_name: str = ""
    text_hash: str = ""
    # Of a page: what its server calls this version, and where it leads.
    etag: str = ""
    last_modified: str = ""
    links: Sequence[str] = ()
    # The archive it came in.
    container_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """A document's next version, not written yet. No ``facts``: only its points are rebuilt."""

    document_id: UUID
    source_id: UUID
    generation: int
    text: str
    chunks: tuple[PlannedChunk, ...]
    fresh: int
    facts: Facts | None

    @property
    def point_ids(self) -> set[UUID]:
        return {planned.point_id for planned in self.chunks}


@dataclass(frozen=True, slots=True)
class Target:
    """The document that a plan is for; ``reuse`` where its present points may stay."""

    document_id: UUID
    source_id: UUID
    generation: int
    reuse: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a plan needs to know of a chunk row that stands."""

    id: UUID
    heading_path: tuple[str, ...]
    point_id: UUID


# The rows that stand in a document, by text hash and occurrence.
Rows = Mapping[tuple[str, int], Standing]


def standing_rows(document_ids: Sequence[UUID]) -> Mapping[UUID, Rows]:
    """Chunk rows of all these documents, by document."""
    found: dict[UUID, dict[tuple[str, int], Standing]] = {pk: {} for pk in document_ids}
    rows = (
        Chunk.objects.filter(document_id__in=document_ids)
        .order_by()
        .values_list(
            "document_id", "text_hash", "occurrence", "id", "heading_path", "qdrant_point_id"
        )
    )
    for document_id, text_hash, occurrence, pk, path, point_id in rows.iterator():
        found[document_id][(text_hash, occurrence)] = Standing(pk, tuple(path), point_id)
    return found


def stored_chunks(document_id: UUID) -> list[TextChunk]:
    """A document's chunk rows as the chunker gave them, equal texts in the order of their names."""
    rows = Chunk.objects.filter(document_id=document_id).order_by("text_hash", "occurrence")
    return [
        TextChunk(
            start=row.start,
            end=row.end,
            ordinal=row.ordinal,
            text=row.text,
            token_count=row.token_count,
            heading_path=tuple(row.heading_path),
            page=row.page,
            page_breaks=tuple((start, number) for start, number in row.page_breaks),
        )
        for row in rows
    ]


def stored_facts(document: Document, stored_name: str = "") -> Facts:
    """What the row of a document says beside its text."""
    return Facts(
        title=document.title,
        url=document.url,
        mime_type=document.mime_type,
        content_hash=document.content_hash,
        metadata=document.metadata,
        stored_name=stored_name,
        text_hash=document.text_hash,
        etag=document.etag,
        last_modified=document.last_modified,
        # Where the row was read without them nobody asks for them.
        links=document.links if "links" not in document.get_deferred_fields() else (),
        container_id=document.container_id,
    )


def make_plan(
    target: Target,
    text: str,
    chunks: Sequence[TextChunk],
    facts: Facts | None,
    rows: Rows,
) -> DocumentPlan:
    """Match ``chunks`` with the ``rows`` that stand. ``target.generation`` is the live one."""
    generation = target.generation + 1
    planned = []
    fresh = 0
    for text_hash, occurrence, chunk in _identified(chunks):
        row = rows.get((text_hash, occurrence))
        identity = f"{text_hash}:{occurrence}"
        embedded = embedding_hash(embedding_text(chunk.heading_path, chunk.text))
        chunk_id = row.id if row is not None else uuid5(target.document_id, identity)
        if row is not None and target.reuse and row.heading_path == chunk.heading_path:
            point_id = row.point_id
        else:
            point_id = uuid5(chunk_id, f"{generation}:{embedded}")
            fresh += 1
        planned.append(PlannedChunk(chunk_id, point_id, text_hash, occurrence, embedded, chunk))
    return DocumentPlan(
        target.document_id, target.source_id, generation, text, tuple(planned), fresh, facts
    )


def _identified(chunks: Iterable[TextChunk]) -> Iterable[tuple[str, int, TextChunk]]:
    seen: Counter[str] = Counter()
    for chunk in chunks:
        text_hash = hashlib.sha256(chunk.text.encode("utf-8", "surrogatepass")).hexdigest()
        yield text_hash, seen[text_hash], chunk
        seen[text_hash] += 1
