"""What a source holds now: its origins a few at a time, and each one's raw document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingestion.chunking import ChunkSize, chunk_text
from ingestion.loaders import Origin, loader_for
from ingestion.parsing.batches import parse_many
from ingestion.pipeline.plans import Facts
from minirag.errors import ErrorCode, MiniRAGError, UnreadableSource
from minirag.types import ParsedDocument, RawDocument, TextChunk
from sources.models import Document, Source, SourceType

# Items that are read and parsed together: so many, or of so many bytes as their rows say.
_MOST_ITEMS = 32
_MOST_BYTES = 2 * 1024 * 1024
# What concerns one document alone.
_OWN_FAULTS = (ErrorCode.UNREADABLE_SOURCE, ErrorCode.ADDRESS_REFUSED, ErrorCode.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to read. ``document`` is its row where there is one already."""

    key: str
    origin: Origin
    document: Document | None = None

    @property
    def stored_name(self) -> str:
        return self.origin.storage_name


@dataclass(slots=True, eq=False)
class Reading:
    """One item on its way from bytes to chunks. ``error`` where it fails alone."""

    item: Item
    raw: RawDocument
    facts: Facts
    document: Document | None = None
    parsed: ParsedDocument | None = None
    chunks: list[TextChunk] = field(default_factory=list)
    error: MiniRAGError | None = None


def list_items(source: Source) -> Iterator[list[Item]]:
    """Files by their rows, a few at a time; a text or a page is one item."""
    live = Document.objects.filter(source=source, deleted_at__isnull=True).defer("text")
    if source.type != SourceType.FILE:
        key = "text" if source.type == SourceType.TEXT else source.url
        origin = Origin(content=source.content, url=source.url, title=source.name)
        yield [Item(key, origin, live.filter(key=key).first())]
        return
    # Ids first: a row is read when its turn comes, as it stands by then.
    ids = list(live.order_by("created_at", "id").values_list("pk", flat=True))
    for at in range(0, len(ids), _MOST_ITEMS):
        rows = live.in_bulk(ids[at : at + _MOST_ITEMS])
        yield from _groups([rows[pk] for pk in ids[at : at + _MOST_ITEMS] if pk in rows])


def _groups(documents: Sequence[Document]) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    for document in documents:
        if group and size + document.size_bytes > _MOST_BYTES:
            yield group
            group, size = [], 0
        stored = document.pending_upload or document.upload
        origin = Origin(key=document.key, storage_name=stored, mime_type=document.mime_type)
        group.append(Item(document.key, origin, document))
        size += document.size_bytes
    if group:
        yield group


def load(source: Source, items: Sequence[Item]) -> list[Reading]:
    """The raw documents of ``items``, with what they could not be read for."""
    return [_load(source, item) for item in items]


def _load(source: Source, item: Item) -> Reading:
    try:
        raw = next(iter(loader_for(source.type, item.origin).load()), None)
        if raw is None:
            raise UnreadableSource("There is nothing in it.")
        return Reading(item, raw, facts_of(source, item, raw), item.document)
    except MiniRAGError as error:
        empty = RawDocument(item.key, b"", "")
        return Reading(item, empty, Facts("", "", "", ""), item.document, error=_own(error))


def cut(size: ChunkSize, readings: Sequence[Reading]) -> list[Reading]:
    """Parse (in child processes) and chunk ``readings``; their bytes are let go."""
    for reading, parsed in zip(
        readings, parse_many([reading.raw for reading in readings]), strict=True
    ):
        reading.raw = RawDocument(reading.raw.key, b"", "", reading.raw.title)
        if isinstance(parsed, UnreadableSource):
            reading.error = parsed
            continue
        reading.parsed = parsed
        reading.chunks = chunk_text(parsed, size=size.size, overlap=size.overlap)
        if not reading.chunks:
            reading.error = UnreadableSource("There is no text in it.")
    return list(readings)


def stands(reading: Reading, signature: str) -> bool:
    """Whether the row has this very content already, made with the index of ``signature``."""
    document = reading.document
    if document is None or not document.generation or document.error is not None:
        return False
    made = (document.content_hash, document.index_model)
    return made == (reading.facts.content_hash, signature)


def weight(readings: Sequence[Reading]) -> int:
    """Bytes that ``readings`` hold, at least one."""
    return sum(len(reading.raw.content) for reading in readings) or 1


def _own(error: MiniRAGError) -> MiniRAGError:
    """Raises what does not concern one document alone."""
    if error.code not in _OWN_FAULTS:
        raise error
    return error


def facts_of(source: Source, item: Item, raw: RawDocument) -> Facts:
    """What the row shall say; the title may still be improved by what the parser finds."""
    digest = hashlib.sha256(f"{raw.mime_type}\0".encode() + raw.content).hexdigest()
    return Facts(
        title=raw.title or item.key,
        url=raw.url or "",
        mime_type=raw.mime_type,
        content_hash=digest,
        metadata={**source.metadata, **raw.metadata},
        stored_name=item.stored_name,
    )
