"""What a look at one tenant's indexes found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Beside:
    """An index of the tenant beside the live one."""

    collection: str
    state: str
    points: int
    # Points that should not be there: no row names them, or the index is nobody's any more.
    strays: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "collection": self.collection,
            "state": self.state,
            "points": self.points,
            "strays": self.strays,
        }


@dataclass(frozen=True, slots=True)
class Findings:
    """One tenant's indexes compared with its rows."""

    tenant_id: UUID
    tenant: str
    # Nobody works for a suspended tenant.
    suspended: bool = False
    collection: str = ""
    rows: int = 0
    points: int = 0
    # Chunk rows whose point the store does not hold, by source.
    missing: dict[UUID, int] = field(default_factory=dict)
    # Points of standing documents that no row names: a chunk's second point, or an old one.
    doubles: int = 0
    # Points of documents that are no more.
    orphans: int = 0
    # Points of work that is under way: a running job's, a deletion's, or kept for a retry.
    waiting: int = 0
    # All points that no row names.
    unnamed: frozenset[UUID] = frozenset()
    # Points that carry other ids than the row that names them.
    payloads: frozenset[UUID] = frozenset()
    # Of the points that were looked at closely, those whose vectors do not fit the index.
    vectors: frozenset[UUID] = frozenset()
    beside: tuple[Beside, ...] = ()

    @property
    def clean(self) -> bool:
        found = (self.missing, self.unnamed, self.payloads, self.vectors)
        return not any(found) and not any(one.strays for one in self.beside)

    def as_dict(self) -> dict[str, Any]:
        """For machines, and for the row of a check: that one says what it mended, too."""
        return {
            "repair": False,
            "left_for_later": False,
            "tenant": self.tenant,
            "tenant_id": str(self.tenant_id),
            "collection": self.collection,
            "rows": self.rows,
            "points": self.points,
            "missing": sum(self.missing.values()),
            "missing_by_source": {str(pk): count for pk, count in self.missing.items()},
            "doubles": self.doubles,
            "orphans": self.orphans,
            "waiting": self.waiting,
            "wrong_payloads": len(self.payloads),
            "wrong_vectors": len(self.vectors),
            "other_indexes": [one.as_dict() for one in self.beside],
            "clean": self.clean,
        }
