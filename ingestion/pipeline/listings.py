"""Which way the items of a source are listed."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.models import IngestJob
from ingestion.pipeline.listing import Listing, one_text
from ingestion.pipeline.reading import Item
from ingestion.pipeline.uploads import files_of
from ingestion.pipeline.websites import pages_of
from sources.models import Source, SourceType


def list_items(
    source: Source,
    signature: str = "",
    listing: Listing | None = None,
    job: IngestJob | None = None,
) -> Iterator[list[Item]]:
    """What ``source`` holds now, in groups. Blocking: web sources are fetched on the way.

    ``signature`` says how documents are cut now: with it, what is known to be as it was is not read
    again. ``listing`` is filled on the way. What an earlier turn of ``job`` has seen to is not seen
    to once more: pages are not asked for, what failed is not parsed. Raises ``UnreadableSource`` or
    ``AddressRefused`` for the source as a whole.
    """
    listing = listing if listing is not None else Listing()
    if source.type == SourceType.TEXT:
        return one_text(source)
    if source.type == SourceType.FILE:
        return files_of(source, signature, listing, job)
    return pages_of(source, signature, listing, job)
