"""The end of an ingest: documents that moved, archives that are through, and what is gone.

What is gone is removed only where that is safe to say. A source that cannot be read, or whose
sitemap or site suddenly misses more than half of what is held, loses nothing: the rows are marked,
the source says so, and a later ingest by hand, or one after a day, that misses them again removes
them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ingestion.clock import database_now
from ingestion.leases import JobRun
from ingestion.pipeline.listing import Listing, prunes
from ingestion.pipeline.moves import Moves
from ingestion.pipeline.outcomes import Tally
from minirag.errors import UnreadableSource
from sources.models import Chunk, Document, DocumentStatus, Source, SourceType
from sources.uploads import discard_on_commit

_PATIENCE = timedelta(days=1)
_BATCH = 500
_LISTED = (SourceType.SITEMAP, SourceType.CRAWL)


def finish(moves: Moves, source: Source, listing: Listing, tally: Tally) -> None:
    """Bring the rows in line with what the whole listing said. Points go with the tombstones."""
    run, signature = moves.run, moves.index.signature
    tally.notes.extend(listing.faults)
    if not tally.good:  # then it is the site that is out of order, and all of it stays
        for key, error in listing.gone.items():
            tally.failed(key, error)
    rows = rows_without_upload(source)
    _found_again(run, rows, listing)
    lost = missing(source, rows, listing, good=tally.good, bad=tally.bad)
    lost = moves.settle(lost, _newcomers(run, rows, listing))
    lost = _without_waiting(run, source, rows, lost, tally)
    doubled = [row for row in rows if row.key in listing.doubled]
    _bury(run, [row.pk for row in (*lost, *doubled)])
    # Last: an archive that is settled is not read again, and what is gone from it not seen.
    _settle_archives(run, listing, signature)


def _newcomers(run: JobRun, rows: Sequence[Document], listing: Listing) -> list[Document]:
    """Documents that this run made."""
    began = run.job.started_at
    found = listing.present - listing.doubled
    if began is None:
        return []
    made = [row for row in rows if row.generation == 1 and row.created_at >= began]
    return [row for row in made if row.key in found]


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
            "status",
            "error",
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


def waiting(
    source: Source, lost: Sequence[Document], held: int, began: datetime, *, by_hand: bool
) -> list[Document]:
    """Rows that do not go yet, since more than half of the ``held`` ones would.

    They do when an earlier ingest than that of ``began`` missed them as well. What somebody took
    out of an archive was meant to go.
    """
    live = [row for row in lost if row.generation]
    if source.type not in _LISTED or len(live) < 2 or 2 * len(live) <= held:
        return []
    patience = timedelta(0) if by_hand else _PATIENCE
    return [row for row in live if not row.missing_since or row.missing_since + patience >= began]


def _without_waiting(
    run: JobRun, source: Source, rows: Sequence[Document], lost: list[Document], tally: Tally
) -> list[Document]:
    """Rows that may go; where too many would, the others are marked, and the source says so."""
    began = run.job.started_at or database_now()
    held = sum(1 for row in rows if row.generation and row.created_at < began)
    by_hand = run.job.pk != source.refresh_job_id
    stay = {row.pk: row for row in waiting(source, lost, held, began, by_hand=by_hand)}
    if stay:
        _mark(run, [pk for pk, row in stay.items() if row.missing_since is None])
        words = f"{len(stay)} of {held} pages were not found any more and were not removed yet."
        tally.notes.append(UnreadableSource(f"{words} Ingest again to remove them."))
    return [row for row in lost if row.pk not in stay]


def _mark(run: JobRun, ids: Sequence[UUID]) -> None:
    with transaction.atomic():
        run.fence()
        now = database_now()
        for at in range(0, len(ids), _BATCH):
            Document.objects.filter(pk__in=ids[at : at + _BATCH]).update(missing_since=now)


def _found_again(run: JobRun, rows: Sequence[Document], listing: Listing) -> None:
    back = [row.pk for row in rows if row.missing_since and row.key in listing.present]
    if back:
        with transaction.atomic():
            run.fence()
            Document.objects.filter(pk__in=back).update(missing_since=None)


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
