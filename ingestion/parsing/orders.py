"""What the parent asks of a child; imports no parser, since the parent must not hold them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from ingestion.chunking import ChunkSize
from ingestion.parsing.document import ContentLimits, Hints, ZipLimits

# Parse documents; list the files of an archive; hand some of them over; say where a page leads;
# read a sitemap.
Task = Literal["parse", "list", "extract", "links", "sitemap"]
# An order is one packet.
MOST_INDEXES = 2_000
# Characters of a text that a child cuts.
LONGEST_CUT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """What shall be done with documents.

    ``indexes`` are the entries to extract. ``cut`` asks for the places of a document's chunks too.
    """

    task: Task = "parse"
    indexes: tuple[int, ...] = ()
    cut: ChunkSize | None = None


PARSE = Ask()


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks for, beside the documents themselves.

    ``hints`` and ``sizes`` (bytes) are of the documents, which stand one behind the other in the
    descriptor. Of several documents only plain ones are parsed: a native parser that a document
    took over must not answer for its neighbours.
    """

    hints: tuple[Hints, ...]
    sizes: tuple[int, ...]
    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    wait_seconds: float
    content: ContentLimits = field(default_factory=ContentLimits)
    zip: ZipLimits = field(default_factory=ZipLimits)
    ask: Ask = PARSE

    def as_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Order:
        values = json.loads(data)
        return cls(
            hints=tuple(Hints(**hints) for hints in values["hints"]),
            sizes=tuple(values["sizes"]),
            memory_bytes=values["memory_bytes"],
            cpu_seconds=values["cpu_seconds"],
            wall_seconds=values["wall_seconds"],
            wait_seconds=values["wait_seconds"],
            content=ContentLimits(**values["content"]),
            zip=ZipLimits(**values["zip"]),
            ask=Ask(
                task=values["ask"]["task"],
                indexes=tuple(values["ask"]["indexes"]),
                cut=ChunkSize(**values["ask"]["cut"]) if values["ask"]["cut"] else None,
            ),
        )
