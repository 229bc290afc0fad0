"""What the end of an ingest would make of the rows: moved, removed, left to wait, left alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Count

from ingestion.clock import database_now
from ingestion.pipeline.listing import Listing
from ingestion.pipeline.moves import ChunkName, by_chunks, by_text, chunk_names
from ingestion.pipeline.sync import missing, rows_without_upload, waiting
from ingestion.preview.results import Change, Fate
from sources.models import Chunk, Document, DocumentStatus, Source

# Rows whose chunks are counted together.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A document of a key that has no row yet."""

    text_hash: str
    chunks: frozenset[ChunkName]


@dataclass(frozen=True, slots=True)
class Ends:
    """What was seen of a source, all of it."""

    source: Source
    listing: Listing
    signature: str
    changes: Sequence[Change]
    made: Mapping[str, Newcomer]
    # Rows that came back under another key already.
    taken: Collection[UUID]

    def settled(self) -> list[Change]:
        """The changes as an ingest would leave them, of an ingest that somebody starts."""
        doubled = self.listing.doubled
        changes = {one.key: one for one in self.changes if one.key not in doubled}
        rows = rows_without_upload(self.source)
        own = [row for row in rows if row.pk not in self.taken]
        bad = sum(1 for one in changes.values() if one.change is Fate.FAILED)
        lost = missing(self.source, own, self.listing, good=len(changes) - bad, bad=bad)
        # By the end of an ingest a row that failed before may have its first version.
        first = {key for key, one in changes.items() if one.change is Fate.ADDED}
        held = sum(1 for row in rows if row.generation or row.key in first)
        moved = self._moved(lost)
        for key in moved:
            changes[key] = replace(changes[key], change=Fate.MOVED)
        away = set(moved.values())
        left = {row.pk: row for row in lost if row.pk not in away}
        stay = waiting(self.source, list(left.values()), held, database_now(), by_hand=True)
        fates = dict.fromkeys(left, Fate.REMOVED)
        fates |= {row.pk: Fate.REMOVED for row in own if row.key in doubled}
        fates |= {row.pk: Fate.WAITING for row in stay}
        for row in own:
            if row.key not in changes and row.pk not in away:
                fates.setdefault(row.pk, _left_alone(row))
        return [*changes.values(), *_unseen(own, fates)]

    def _moved(self, lost: Sequence[Document]) -> dict[str, UUID]:
        new = {key: one for key, one in self.made.items() if key not in self.listing.doubled}
        if not lost or not new:
            return {}
        texts = {key: one.text_hash for key, one in new.items()}
        moved = {key: row.pk for key, row in by_text(lost, texts, self.signature).items()}
        away = set(moved.values())
        rest = [row.pk for row in lost if row.pk not in away]
        others = {key: one.chunks for key, one in new.items() if key not in moved}
        return moved | by_chunks(chunk_names(rest), others) if rest and others else moved


def _unseen(rows: Iterable[Document], fates: Mapping[UUID, Fate]) -> list[Change]:
    counts = chunk_counts([pk for pk, fate in fates.items() if fate is not Fate.REMOVED])
    found = [
        Change(
            row.key,
            row.title,
            fate,
            counts.get(row.pk, 0),
            error=row.error if fate is Fate.FAILED else None,
        )
        for row in rows
        if (fate := fates.get(row.pk)) and (row.generation or fate is not Fate.UNCHANGED)
    ]
    return sorted(found, key=lambda one: one.key)


def _left_alone(row: Document) -> Fate:
    """Not seen and not gone: after a fault, or where nothing is to be removed."""
    return Fate.FAILED if row.status == DocumentStatus.FAILED else Fate.UNCHANGED


def chunk_counts(document_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Chunks of each document that has some."""
    counts: dict[UUID, int] = {}
    for at in range(0, len(document_ids), _BATCH):
        ids = document_ids[at : at + _BATCH]
        rows = Chunk.objects.filter(document_id__in=ids).order_by().values_list("document_id")
        counts.update(rows.annotate(Count("pk")))
    return counts
