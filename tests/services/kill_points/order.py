"""What the zygote is asked for. A module of its own: the tests read it without a second Django."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """Which part to play, and where its dependencies are."""

    part: str
    folder: str
    database: str
    database_port: int
    redis_url: str
    # Lanes share one database of Redis; each has keys of its own.
    redis_prefix: str
    qdrant_url: str

    def as_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"
