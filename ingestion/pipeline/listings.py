"""Which way the items of a source are listed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ingestion.pipeline.listing import Listing, one_text
from ingestion.pipeline.reading import Item
from ingestion.pipeline.uploads import files_of
from ingestion.pipeline.websites import pages_of
from sources.models import Source, SourceType


def list_items(
    source: Source,
    signature: str = "",
    listing: Listing | None = None,
    since: datetime | None = None,
) -> Iterator[list[Item]]:
    """What ``source`` holds now, in groups. Blocking: web sources are fetched on the way.

    ``signature`` says how documents are cut now: with it, what is known to be as it was is not read
    again. ``listing`` is filled on the way. Pages that were looked at after ``since`` are not asked
    for once more. Raises ``UnreadableSource`` or ``AddressRefused`` for the source as a whole.
    """
    listing = listing if listing is not None else Listing()
    if source.type == SourceType.TEXT:
        return one_text(source)
    if source.type == SourceType.FILE:
        return files_of(source, signature, listing)
    return pages_of(source, signature, listing, since)
