"""What the parent asks of a child; imports no parser, since the parent must not hold them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ingestion.parsing.document import ArchiveLimits, Hints


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks for, beside the document itself."""

    hints: Hints
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
            hints=Hints(**values["hints"]),
            archive=ArchiveLimits(**values["archive"]),
            memory_bytes=values["memory_bytes"],
            cpu_seconds=values["cpu_seconds"],
            wall_seconds=values["wall_seconds"],
        )
