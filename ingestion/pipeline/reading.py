"""What a source holds now: its origins one by one, and each one's raw document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.leases import JobRun
from ingestion.loaders import Origin, loader_for
from ingestion.pipeline.plans import Facts
from minirag.errors import UnreadableSource
from minirag.types import RawDocument
from sources.models import Document, Source, SourceType


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to read. ``document`` is its row where there is one already."""

    key: str
    origin: Origin
    document: Document | None = None

    @property
    def stored_name(self) -> str:
        return self.origin.storage_name


def list_items(source: Source) -> Iterator[Item]:
    """Files by their rows; a text or a page is one item."""
    live = Document.objects.filter(source=source, deleted_at__isnull=True).defer("text")
    if source.type != SourceType.FILE:
        key = "text" if source.type == SourceType.TEXT else source.url
        origin = Origin(content=source.content, url=source.url, title=source.name)
        yield Item(key, origin, live.filter(key=key).first())
        return
    # Ids first: a row is read when its turn comes, as it stands by then.
    for pk in list(live.order_by("created_at", "id").values_list("pk", flat=True)):
        document = live.filter(pk=pk).first()
        if document is not None:
            stored = document.pending_upload or document.upload
            origin = Origin(key=document.key, storage_name=stored, mime_type=document.mime_type)
            yield Item(document.key, origin, document)


def load(run: JobRun, source: Source, item: Item) -> RawDocument:
    """The raw document of ``item``. Raises ``UnreadableSource`` or ``AddressRefused``."""
    loader = loader_for(source.type, item.origin)
    raw = run.call(lambda: next(iter(loader.load()), None))
    if raw is None:
        raise UnreadableSource("There is nothing in it.")
    return raw


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
