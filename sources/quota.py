"""What a tenant may hold: documents and bytes, of all its sources together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from minirag.errors import QuotaExceeded
from sources.models import Document
from tenants.models import Tenant

# No waiting makes room: somebody deletes something, or the platform grants more.
_UNTIL_SOMEBODY_ACTS = 3600.0


def live_of_tenant() -> QuerySet[Document]:
    """Every document that counts."""
    rows: QuerySet[Document] = Document.objects.filter(
        deleted_at__isnull=True, source__deleted_at__isnull=True
    )
    return rows


def bytes_of(documents: QuerySet[Any]) -> int:
    """Bytes that these documents hold."""
    return int(documents.aggregate(n=Sum("size_bytes"))["n"] or 0)


def check_room(tenant: Tenant, documents: int, size: int) -> None:
    """Raise ``QuotaExceeded`` where ``tenant`` may not hold so much in all."""
    for most, held, what in (
        (tenant.max_documents, documents, "documents"),
        (tenant.max_bytes, size, "bytes"),
    ):
        if most is not None and held > most:
            raise QuotaExceeded(
                f"The tenant may hold {most} {what} at most, not {held}.",
                retry_after=_UNTIL_SOMEBODY_ACTS,
            )


def room_for(tenant_id: UUID, grown: Sequence[tuple[int, int]]) -> list[QuotaExceeded | None]:
    """For each growth (documents, bytes), in order: why there is no room for it, or None."""
    tenant = Tenant.objects.get(pk=tenant_id)
    if tenant.max_documents is None and tenant.max_bytes is None:
        return [None] * len(grown)
    live = live_of_tenant()
    documents, size = live.count(), bytes_of(live)
    found: list[QuotaExceeded | None] = []
    for more_documents, more_bytes in grown:
        try:
            if more_documents > 0 or more_bytes > 0:
                check_room(tenant, documents + more_documents, size + more_bytes)
        except QuotaExceeded as error:
            found.append(error)
            continue
        documents, size = documents + more_documents, size + more_bytes
        found.append(None)
    return found
