"""The same words under two addresses of a site: a crawl takes them once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.pipeline.listing import Listing
from ingestion.pipeline.reading import Reading
from sources.models import Source, SourceType


@dataclass(slots=True)
class Doubles:
    """The texts that one look at a source has met."""

    source: Source
    listing: Listing
    # By hash: the key, and whether its row stood before.
    texts: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def has(self, reading: Reading, *, held: bool) -> bool:
        """Whether these words stand under another address already. Rows that stood come first."""
        key = reading.item.key
        text_hash = reading.text_hash or reading.facts.text_hash
        if not text_hash and reading.document is not None:
            text_hash = reading.document.text_hash
        if self.source.type != SourceType.CRAWL or not text_hash:
            return False
        other, other_held = self.texts.setdefault(text_hash, (key, held))
        if other == key:
            return False
        if held and not other_held:
            self.texts[text_hash] = (key, held)
            self.listing.doubled.add(other)
            return False
        self.listing.doubled.add(key)
        return True
