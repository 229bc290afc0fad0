"""What the parent asks of a child; imports no parser, since the parent must not hold them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ingestion.parsing.document import ArchiveLimits, Hints


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks for, beside the documents themselves.

    ``hints`` and ``sizes`` (bytes) are of the documents, which stand one behind the other in the
    descriptor. Of several documents only plain ones are parsed: a native parser that a document
    took over must not answer for its neighbours.
    """

    hints: tuple[Hints, ...]
    sizes: tuple[int, ...]
    archive: ArchiveLimits
    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float

    def as_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Order:
        values = json.loads(data)
        return cls(
            hints=tuple(Hints(**hints) for hints in values["hints"]),
            sizes=tuple(values["sizes"]),
            archive=ArchiveLimits(**values["archive"]),
            memory_bytes=values["memory_bytes"],
            cpu_seconds=values["cpu_seconds"],
            wall_seconds=values["wall_seconds"],
        )
