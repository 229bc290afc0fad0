"""Document rows on their way through an ingest: begun, taken over, failed. A group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from ingestion.clock import database_now
from ingestion.leases import JobRun
from ingestion.pipeline.listing import Listing
from ingestion.pipeline.reading import Item, Reading
from minirag.errors import ErrorCode, MiniRAGError
from sources.models import WEB_TYPES, Document, DocumentStatus, Source
from sources.quota import room_for


def begin(run: JobRun, source: Source, readings: Sequence[Reading]) -> list[Reading]:
    """Rows marked as under way before anything is made for them.

    Those for which the tenant has no room get their ``error`` and are returned.
    """
    with transaction.atomic():
        run.fence()
        grown = [growth(reading) for reading in readings]
        refused = []
        for reading, error in zip(readings, room_for(source.tenant_id, grown), strict=True):
            if error is not None:
                reading.error = error
                refused.append(reading)
        begun = [reading for reading in readings if reading.error is None]
        _insert(source, [reading for reading in begun if reading.document is None])
        for reading in begun:
            size = len(reading.raw.content)
            document = reading.document
            # An upload's size stands since it came.
            if document and not reading.item.stored_name and document.size_bytes != size:
                Document.objects.filter(pk=document.pk).update(size_bytes=size)
        ids = [reading.document.pk for reading in begun if reading.document]
        Document.objects.filter(pk__in=ids).update(status=DocumentStatus.PROCESSING, error=None)
    return refused


def growth(reading: Reading) -> tuple[int, int]:
    """Documents and bytes that the tenant will hold more."""
    if reading.item.stored_name:
        return 0, 0
    held = reading.document.size_bytes if reading.document is not None else 0
    return int(reading.document is None), len(reading.raw.content) - held


def _insert(source: Source, readings: Sequence[Reading]) -> None:
    """New rows for the keys of ``readings``, in one statement; a row that came meanwhile is kept.

    Of one key twice in a group the first row serves both.
    """
    if not readings:
        return
    fresh = {
        reading.item.key: _new(source, reading.item, size_bytes=len(reading.raw.content))
        for reading in reversed(readings)
    }
    Document.objects.bulk_create(list(fresh.values()), ignore_conflicts=True)
    rows = Document.objects.filter(source=source, key__in=fresh, deleted_at__isnull=True)
    found = {row.key: row for row in rows.defer("text")}
    for reading in readings:
        reading.document = found[reading.item.key]


def _new(source: Source, item: Item, **values: object) -> Document:
    return Document(
        tenant_id=source.tenant_id,
        source_id=source.pk,
        key=item.key,
        title=item.key[:500],
        mime_type=item.raw.mime_type[:200] if item.raw is not None else item.origin.mime_type,
        container_id=item.container_id,
        **values,
    )


def take_over(run: JobRun, listing: Listing, readings: Sequence[Reading]) -> None:
    """Give rows of keys that left to new keys with the same content: a document that moved.

    With the row go its chunks, their flags, and the citations of old chats.
    """
    moved: list[tuple[Document, Item]] = []
    for reading in readings:
        if reading.document is None:
            row = listing.taken_over(reading.facts.content_hash)
            if row is not None:
                moved.append((row, reading.item))
                reading.document = row
    if not moved:
        return
    with transaction.atomic():
        run.fence()
        for row, item in moved:
            if row.title == row.key[:500]:
                row.title = item.key[:500]
            row.key, row.missing_since = item.key, None
            row.save(update_fields=["key", "title", "missing_since", "updated_at"])


def failed(run: JobRun, source: Source, readings: Sequence[Reading]) -> None:
    """Write the errors of ``readings``; a new row where the fault would be seen nowhere else."""
    with transaction.atomic():
        run.fence()
        fresh = []
        for reading in readings:
            assert reading.error is not None
            item, error = reading.item, reading.error.as_field()
            # A page that could not be had may be there at the next turn.
            seen = item.raw is not None or bool(item.stored_name)
            told = {"error": error, "flipped_by": run.job.pk if seen else None}
            rows = Document.objects.filter(source=source, key=item.key, deleted_at__isnull=True)
            if item.stored_name and item.document is not None:
                # A newer upload took the place of the file that could not be read.
                rows = rows.filter(
                    upload=item.document.upload, pending_upload=item.document.pending_upload
                )
            written = rows.update(status=DocumentStatus.FAILED, **told)
            # Beyond a quota there is no room for a row that says so.
            over = reading.error.code is ErrorCode.QUOTA_EXCEEDED
            if not written and item.shown and not over:
                fresh.append(_new(source, item, status=DocumentStatus.FAILED, **told))
        Document.objects.bulk_create(fresh, ignore_conflicts=True)


def rejected(run: JobRun, document_id: UUID, error: MiniRAGError) -> None:
    """A document whose text the provider does not take."""
    with transaction.atomic():
        run.fence()
        Document.objects.filter(pk=document_id).update(
            status=DocumentStatus.FAILED, error=error.as_field(), flipped_by=run.job.pk
        )


def checked(source: Source, documents: Sequence[Document]) -> None:
    """Remember that these pages are as they were: a run that is taken up need not ask again."""
    if source.type in WEB_TYPES and documents:
        ids = [document.pk for document in documents]
        Document.objects.filter(pk__in=ids).update(checked_at=database_now())
