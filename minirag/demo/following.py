"""Show the demo's ingestion as it goes: one line per document."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID

from django.db import connection

from ingestion.models import ACTIVE_STATES, IngestJob
from minirag.errors import MiniRAGError, Unavailable
from sources.models import Document, DocumentStatus
from tenants.scope import tenant_scope

PAUSE_SECONDS = 0.2


def follow(tenant_id: UUID, source_ids: list[UUID], tell: Callable[[str], None]) -> None:
    """Return when every source's job has ended. Raises ``Unavailable`` where one has failed."""
    told: set[UUID] = set()
    with tenant_scope(tenant_id):
        while True:
            # Asked before the documents are: what ended by now is seen by the look that follows.
            active = _active(source_ids)
            for line in _news(source_ids, told):
                tell(line)
            if not active:
                break
            connection.close()
            time.sleep(PAUSE_SECONDS)
        _refuse_failures(source_ids)


def _active(source_ids: list[UUID]) -> bool:
    jobs = IngestJob.objects.filter(source_id__in=source_ids, state__in=ACTIVE_STATES)
    return bool(jobs.exists())


def _news(source_ids: list[UUID], told: set[UUID]) -> Iterator[str]:
    documents = Document.objects.filter(source_id__in=source_ids, deleted_at__isnull=True)
    total = documents.count()
    ended = documents.filter(status__in=(DocumentStatus.READY, DocumentStatus.FAILED))
    for document in ended.filter(pending_upload="").exclude(pk__in=told).order_by("updated_at"):
        told.add(document.pk)
        words = (
            f"{document.chunks.count()} passages"
            if document.status == DocumentStatus.READY
            else (document.error or {}).get("message", "failed")
        )
        yield f"  [{len(told):>2}/{total}] {document.key}: {words}"


def _refuse_failures(source_ids: list[UUID]) -> None:
    failed = Document.objects.filter(source_id__in=source_ids, status=DocumentStatus.FAILED)
    if keys := list(failed.filter(deleted_at__isnull=True).values_list("key", flat=True)):
        raise Unavailable(f"Could not read {', '.join(keys)}.")
    for error in (
        IngestJob.objects.filter(source_id__in=source_ids, error__isnull=False)
        .order_by("-created_at")
        .values_list("error", flat=True)[:1]
    ):
        raise MiniRAGError(error["message"])
