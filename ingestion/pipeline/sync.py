"""The end of an ingest: documents that moved, archives that are through, and what is gone.

What is gone is removed only where that is safe to say. A source that cannot be read, or whose
sitemap or site suddenly names less than half of what is held, loses nothing: the rows are marked,
the source says so, and a later ingest by hand, or one after a day, that misses them again removes
them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ingestion.leases import JobRun
from ingestion.pipeline.listing import Listing, prunes
from ingestion.pipeline.outcomes import Tally
from minirag.errors import UnreadableSource
from sources.models import Chunk, Document, DocumentStatus, Source, SourceType
from sources.uploads import discard_on_commit

# Fewer may go at once without a second look.
_FEW = 10
_PATIENCE = timedelta(days=1)
_BATCH = 500
_LISTED = (SourceType.SITEMAP, SourceType.CRAWL)


def finish(run: JobRun, source: Source, listing: Listing, tally: Tally, signature: str) -> None:
    """Bring the rows in line with what the whole listing said. Points go with the tombstones."""
    tally.notes.extend(listing.faults)
    if not tally.good:  # then it is the site that is out of order, and all of it stays
        for error in listing.gone.values():
            tally.failed(error)
    _settle_archives(run, listing, signature)
    rows = rows_without_upload(source)
    _found_again(run, rows, listing)
    lost = _lost(run, source, rows, listing, tally)
    lost = _moved(run, rows, lost, signature)
    doubled = [row for row in rows if row.key in listing.doubled]
    _bury(run, [row.pk for row in (*lost, *doubled)])


def rows_without_upload(source: Source) -> list[Document]:
    """The live rows that no upload of their own stands behind."""
    live = Document.objects.filter(
        source=source, deleted_at__isnull=True, upload="", pending_upload=""
    )
    return list(
        live.only(
            "pk",
            "key",
            "title",
            "generation",
            "missing_since",
            "text_hash",
            "index_model",
            "created_at",
        ).order_by("created_at", "pk")
    )


def missing(
    source: Source, rows: Sequence[Document], listing: Listing, *, good: int, bad: int
) -> list[Document]:
    """Rows that the source holds no longer, after ``good`` documents and ``bad`` ones."""
    if not prunes(source) or (not good and source.type != SourceType.FILE):
        return []
    absent = [row for row in rows if row.key not in listing.present | listing.gone.keys()]
    if source.type == SourceType.FILE:
        return absent
    if source.type not in _LISTED:
        return [] if bad else absent
    gone = [row for row in rows if row.key in listing.gone and row.key not in listing.present]
    return [*gone, *absent] if listing.complete else gone


def _lost(
    run: JobRun, source: Source, rows: Sequence[Document], listing: Listing, tally: Tally
) -> list[Document]:
    """Rows that may go."""
    lost = missing(source, rows, listing, good=tally.good, bad=tally.bad)
    if source.type not in _LISTED:
        return lost
    held = sum(1 for row in rows if row.generation)
    found = len(listing.present - listing.doubled)
    if len(lost) <= _FEW or 2 * found >= held:
        return lost
    return _confirmed(run, source, lost, held, tally)


def _confirmed(
    run: JobRun, source: Source, lost: Sequence[Document], held: int, tally: Tally
) -> list[Document]:
    """Those that were missed before; the others are marked, and the source says so."""
    now = timezone.now()
    by_hand = run.job.pk != source.refresh_job_id
    sure = [
        row
        for row in lost
        if row.missing_since and (by_hand or now - row.missing_since >= _PATIENCE)
    ]
    if len(sure) == len(lost):
        return sure
    fresh = [row.pk for row in lost if row.missing_since is None]
    with transaction.atomic():
        run.fence()
        for at in range(0, len(fresh), _BATCH):
            Document.objects.filter(pk__in=fresh[at : at + _BATCH]).update(missing_since=now)
    tally.notes.append(
        UnreadableSource(
            f"{len(lost)} of {held} pages were not found any more: nothing was removed. "
            "Ingest again to remove them."
        )
    )
    return []


def _found_again(run: JobRun, rows: Sequence[Document], listing: Listing) -> None:
    back = [row.pk for row in rows if row.missing_since and row.key in listing.present]
    if back:
        with transaction.atomic():
            run.fence()
            Document.objects.filter(pk__in=back).update(missing_since=None)


def _moved(
    run: JobRun, rows: Sequence[Document], lost: Sequence[Document], signature: str
) -> list[Document]:
    """Give rows that would go to new keys with the same words; returns those that go.

    A row that stood keeps its chunks with their flags and citations; the row that this run made for
    the new key goes in its place.
    """
    leaving = {row.text_hash: row for row in lost if row.text_hash and row.index_model == signature}
    going = {row.pk: row for row in lost}
    for new in rows:
        old = leaving.get(new.text_hash) if new.generation == 1 and new.pk not in going else None
        began = run.job.started_at
        if old is None or began is None or new.created_at < began:
            continue
        del leaving[new.text_hash]
        _swap(run, old, new)
        del going[old.pk]
        going[new.pk] = new
    return list(going.values())


def _swap(run: JobRun, old: Document, new: Document) -> None:
    """``old`` takes the key and the labels of ``new``, whose tombstone it becomes."""
    with transaction.atomic():
        run.fence()
        both = Document.objects.select_for_update().defer("text").in_bulk([old.pk, new.pk])
        stays, goes = both.get(old.pk), both.get(new.pk)
        if stays is None or goes is None or stays.deleted_at or goes.deleted_at:
            return
        goes.deleted_at, goes.stale_points = timezone.now(), True
        goes.save(update_fields=["deleted_at", "stale_points"])
        for name in _LABELS:
            setattr(stays, name, getattr(goes, name))
        stays.missing_since = None
        stays.save(update_fields=[*_LABELS, "missing_since", "updated_at"])


_LABELS = (
    "key", "title", "url", "mime_type", "content_hash", "etag", "last_modified", "links",
    "metadata", "status", "error", "size_bytes", "container_id", "checked_at",
)  # fmt: skip


def _bury(run: JobRun, ids: Collection[UUID]) -> None:
    """Tombstones; ``remove_leftovers`` takes points and rows away."""
    doomed = list(ids)
    for at in range(0, len(doomed), _BATCH):
        with transaction.atomic():
            run.fence()
            Document.objects.filter(
                pk__in=doomed[at : at + _BATCH], upload="", pending_upload=""
            ).update(deleted_at=timezone.now(), stale_points=True)


def _settle_archives(run: JobRun, listing: Listing, signature: str) -> None:
    """An archive's row is ready when its entries are through; it has no text of its own."""
    for row, stored_name in listing.archives:
        with transaction.atomic():
            run.fence()
            archive = Document.objects.select_for_update().defer("text").filter(pk=row.pk).first()
            if archive is None or archive.deleted_at is not None:
                continue
            if stored_name != (archive.pending_upload or archive.upload):
                continue  # a newer file came meanwhile: the next ingest reads it
            if archive.pending_upload:
                discard_on_commit([archive.upload])
                archive.upload, archive.pending_upload = archive.pending_upload, ""
            if archive.text_length:  # it was a document of another kind under this name
                Chunk.objects.filter(document=archive).delete()
                archive.stale_points = True
            archive.text, archive.text_length = "", 0
            archive.status, archive.error = DocumentStatus.READY, None
            archive.index_model = signature
            archive.save(
                update_fields=[
                    "upload", "pending_upload", "text", "text_length", "status", "error",
                    "index_model", "stale_points", "updated_at",
                ]
            )  # fmt: skip
