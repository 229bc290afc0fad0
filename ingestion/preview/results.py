"""What a look ahead has found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from minirag.errors import ErrorField
from minirag.types import TextChunk


class Fate(StrEnum):
    """What an ingest would make of a document."""

    ADDED = "added"
    CHANGED = "changed"
    # Its row takes another key: all of it, or most, is what stood under one that is gone.
    MOVED = "moved"
    REMOVED = "removed"
    # Not found any more, but so much is missing that only a second ingest removes it.
    WAITING = "waiting"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one document. ``tokens`` are those of the chunks to be embedded."""

    key: str
    title: str
    change: Fate
    chunks: int = 0
    new_chunks: int = 0
    tokens: int = 0
    error: ErrorField | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A chunk as it would be."""

    key: str
    chunk: TextChunk


@dataclass(slots=True)
class Preview:
    """What an ingest would do.

    ``cost_nano`` is in 10^-9 US dollars, None where no price is known; ``minutes`` is None where no
    ingest of the tenant was measured yet.
    """

    complete: bool = True
    documents: list[Change] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    cost_nano: int | None = None
    minutes: float | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Documents by fate, all of them named."""
        found = Counter(one.change for one in self.documents)
        return {str(fate): found[fate] for fate in Fate}

    @property
    def chunks(self) -> int:
        """What the documents would hold."""
        return sum(one.chunks for one in self.documents)

    @property
    def new_chunks(self) -> int:
        """What of it would be embedded: texts that have no vector yet, each once."""
        return sum(one.new_chunks for one in self.documents)

    @property
    def tokens(self) -> int:
        """Tokens of the new chunks."""
        return sum(one.tokens for one in self.documents)
