"""One thing of a source on its way from where it stands to chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ingestion.chunking import ChunkSize, chunks_at, cuts
from ingestion.loaders import Origin, loader_for
from ingestion.parsing.batches import parse_many, shares_child
from ingestion.pipeline.plans import Facts, stored_facts
from minirag.errors import ErrorCode, MiniRAGError, UnreadableSource
from minirag.types import ParsedDocument, RawDocument, TextChunk
from sources.models import WEB_TYPES, Document, DocumentStatus, Source

# What a document weighs at least that may be far more as text than as bytes.
_HEAVY = 128 * 1024
# What concerns one document alone.
_OWN_FAULTS = (ErrorCode.UNREADABLE_SOURCE, ErrorCode.ADDRESS_REFUSED, ErrorCode.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to read. ``document`` is its row where there is one already.

    What had to be fetched to be found stands in ``raw`` already, or why it could not be had in
    ``error``; ``unchanged`` where it is known without reading that it is as it was.
    """

    key: str
    origin: Origin
    document: Document | None = None
    raw: RawDocument | None = None
    error: MiniRAGError | None = None
    unchanged: bool = False
    # Whether a server was asked for it by this run.
    asked: bool = False
    # What an earlier turn of this job found wrong with it: it is not looked at again.
    failed: MiniRAGError | None = None
    etag: str = ""
    last_modified: str = ""
    links: tuple[str, ...] = ()
    container_id: UUID | None = None
    # Whether a failure shall be seen as a document of its own, where there is no row yet.
    shown: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to be read."""
        return self.unchanged or self.failed is not None

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
    text_hash: str = ""
    error: MiniRAGError | None = None


def failed_before(row: Document | None, job_id: UUID | None) -> MiniRAGError | None:
    """What the job ``job_id`` found wrong with what ``row`` still stands for."""
    if row is None or row.error is None or row.flipped_by is None or row.flipped_by != job_id:
        return None
    if row.status != DocumentStatus.FAILED:
        return None
    return MiniRAGError(row.error["message"], code=ErrorCode(row.error["code"]))


def load(source: Source, items: Sequence[Item]) -> list[Reading]:
    """The raw documents of ``items``, with what they could not be read for."""
    return [_load(source, item) for item in items]


def _load(source: Source, item: Item) -> Reading:
    empty = RawDocument(item.key, b"", "")
    if item.unchanged and item.document is not None:
        facts = stored_facts(item.document, item.stored_name)
        return Reading(item, empty, facts, item.document)
    if item.failed is not None:
        return Reading(item, empty, Facts("", "", "", ""), item.document, error=item.failed)
    try:
        raw = item.raw or _raw(source, item)
        return Reading(item, raw, facts_of(source, item, raw), item.document)
    except MiniRAGError as error:
        return Reading(item, empty, Facts("", "", "", ""), item.document, error=_own(error))


def _raw(source: Source, item: Item) -> RawDocument:
    if item.error is not None:
        raise item.error
    raw = next(iter(loader_for(source.type, item.origin).load()), None)
    if raw is None:
        raise UnreadableSource("There is nothing in it.")
    return raw


def cut(
    size: ChunkSize, readings: Sequence[Reading], given_up: Callable[[], bool] = lambda: False
) -> list[Reading]:
    """Parse and chunk ``readings``, mostly in child processes; their bytes are let go.

    ``given_up`` is asked between two of them, as by ``parse_many``.
    """
    raws = [reading.raw for reading in readings]
    for reading, parsed in zip(readings, parse_many(raws, size, given_up), strict=True):
        reading.raw = RawDocument(reading.raw.key, b"", "", reading.raw.title)
        if isinstance(parsed, UnreadableSource):
            reading.error = parsed
            continue
        reading.parsed = parsed
        reading.text_hash = _digest(parsed.text)
        places = cuts(parsed, size) if parsed.cuts is None else parsed.cuts
        reading.chunks = chunks_at(parsed, places)
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


def held_bytes(item: Item) -> int:
    """Bytes of what ``item`` stands for, as far as is known."""
    if item.raw is not None:
        return len(item.raw.content)
    return item.document.size_bytes if item.document is not None else 0


def weight(readings: Sequence[Reading]) -> int:
    """Bytes that ``readings`` hold, at least one.

    Whatever may hold more text than it has bytes, or be slow to read, counts as no small one.
    """
    return sum(_weight(reading.raw) for reading in readings) or 1


def _weight(raw: RawDocument) -> int:
    size = len(raw.content)
    light = not raw.url and shares_child(raw.key, size)
    return size if light else max(size, _HEAVY)


def _own(error: MiniRAGError) -> MiniRAGError:
    """Raises what does not concern one document alone."""
    if error.code not in (*_OWN_FAULTS, ErrorCode.CONFLICT):
        raise error
    return error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


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
        etag=item.etag,
        last_modified=item.last_modified,
        links=item.links,
        container_id=item.container_id,
    )


def title_of(source: Source, reading: Reading) -> str:
    """A web page is called what it calls itself; of all else, the name that was given goes first.

    What has neither name is called by its key.
    """
    own = reading.parsed.title if reading.parsed is not None else ""
    named = reading.raw.title
    first, second = (own, named) if source.type in WEB_TYPES else (named, own)
    return first or second or reading.item.key
