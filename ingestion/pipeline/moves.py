"""Documents that moved: a key that is gone, and a new one that says the same, or most of it.

The row that stood takes the new key and keeps its chunks, with their flags and the citations of old
chats; the row that this run made for the new key goes in its place. Of two equal documents that
both moved each keeps its own row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ingestion.leases import JobRun
from ingestion.pipeline.index import Index
from ingestion.pipeline.plans import (
    DocumentPlan,
    Target,
    make_plan,
    standing_rows,
    stored_chunks,
    stored_facts,
)
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.versions import publish
from sources.models import Chunk, Document

# What names a chunk in its document: the hash of its text, and which one of equal ones it is.
ChunkName = tuple[str, int]
# Chunks on either side that are looked through; what is beyond is not known to have moved.
_MOST_CHUNKS = 50_000
# A passage that so many documents share tells none of them from the others.
_COMMON = 8
# Documents whose rows are brought to their new text together.
_TOGETHER = 8
# Documents whose chunks are asked for together.
_BATCH = 100
_LABELS = (
    "key", "title", "url", "mime_type", "content_hash", "etag", "last_modified", "links",
    "metadata", "status", "error", "size_bytes", "container_id", "checked_at",
)  # fmt: skip


def by_text(
    lost: Iterable[Document], new: Mapping[str, str], signature: str
) -> dict[str, Document]:
    """Rows that are gone by the new keys (each with its text's hash) that have the same text."""
    leaving: dict[str, list[Document]] = {}
    for row in lost:
        if row.text_hash and row.index_model == signature:
            leaving.setdefault(row.text_hash, []).append(row)
    return {key: rows.pop(0) for key, digest in new.items() if (rows := leaving.get(digest))}


def by_chunks(
    lost: Mapping[UUID, Collection[ChunkName]], new: Mapping[str, Collection[ChunkName]]
) -> dict[str, UUID]:
    """Documents that are gone by the new keys that have more than half of their chunks.

    More than half of the larger one's, that is: what was only quoted did not move.
    """
    holders: defaultdict[ChunkName, list[UUID]] = defaultdict(list)
    for pk, names in lost.items():
        for name in names:
            holders[name].append(pk)
    pairs: list[tuple[int, str, UUID]] = []
    for key, names in new.items():
        found = (holders.get(name, ()) for name in names)
        shared = Counter(pk for rows in found if len(rows) <= _COMMON for pk in rows)
        pairs += [
            (count, key, pk)
            for pk, count in shared.items()
            if 2 * count > max(len(lost[pk]), len(names))
        ]
    moved: dict[str, UUID] = {}
    given: set[UUID] = set()
    for _, key, pk in sorted(pairs, key=lambda pair: -pair[0]):
        if key not in moved and pk not in given:
            moved[key] = pk
            given.add(pk)
    return moved


def chunk_names(document_ids: Collection[UUID]) -> dict[UUID, set[ChunkName]]:
    """The chunks of these documents, up to a number that memory has room for."""
    ids, room = list(document_ids), _MOST_CHUNKS
    names: defaultdict[UUID, set[ChunkName]] = defaultdict(set)
    for at in range(0, len(ids), _BATCH):
        rows = Chunk.objects.filter(document_id__in=ids[at : at + _BATCH]).order_by()
        room -= rows.count()
        if room < 0:
            break
        for pk, digest, occurrence in rows.values_list("document_id", "text_hash", "occurrence"):
            names[pk].add((digest, occurrence))
    return dict(names)


@dataclass(frozen=True, slots=True)
class Moves:
    """The moves of one run."""

    run: JobRun
    index: Index
    progress: Progress

    def settle(self, lost: Sequence[Document], new: Sequence[Document]) -> list[Document]:
        """Give rows that would go to ``new`` keys; returns those of ``lost`` that still go."""
        if not lost or not new:
            return list(lost)
        going = {row.pk: row for row in lost}
        fresh = {row.key: row for row in new}
        moved = by_text(lost, {row.key: row.text_hash for row in new}, self.index.signature)
        for key, old in moved.items():
            if _swap(self.run, old.pk, fresh.pop(key).pk):
                del going[old.pk]
        for old_id, new_id in self._changed(going, fresh.values()):
            if _swap(self.run, old_id, new_id):
                del going[old_id]
        return list(going.values())

    def _changed(
        self, lost: Collection[UUID], new: Iterable[Document]
    ) -> Iterable[tuple[UUID, UUID]]:
        """Pairs of which most is the same, the old row brought to the new one's text."""
        by_key = {row.key: row.pk for row in new}
        if not lost or not by_key:
            return
        names = chunk_names(list(by_key.values()))
        held = {key: names[pk] for key, pk in by_key.items() if pk in names}
        pairs = [(old, by_key[key]) for key, old in by_chunks(chunk_names(lost), held).items()]
        for at in range(0, len(pairs), _TOGETHER):
            together = pairs[at : at + _TOGETHER]
            self._rewrite(together)
            yield from together

    def _rewrite(self, pairs: Sequence[tuple[UUID, UUID]]) -> None:
        """A version of each old row with the new one's text. Its vectors are there to be copied.

        The new row answers meanwhile and goes afterwards: for a moment both do. Where this breaks
        off, the next attempt finds two documents of the same text: one that moved.
        """
        live = Document.objects.filter(deleted_at__isnull=True)
        old_rows = live.defer("text").in_bulk([old for old, _ in pairs])
        new_rows = live.in_bulk([new for _, new in pairs])
        standing = standing_rows(list(old_rows))
        plans: list[DocumentPlan] = []
        for old_id, new_id in pairs:
            old, new = old_rows.get(old_id), new_rows.get(new_id)
            if old is not None and new is not None:
                target = Target(old.pk, old.source_id, old.generation, reuse=True)
                chunks, facts = stored_chunks(new.pk), stored_facts(new)
                plans.append(make_plan(target, new.text, chunks, facts, standing[old.pk]))
        if plans:
            self.progress.found(sum(len(plan.chunks) for plan in plans))
            publish(self.run, self.index, plans, self.progress)


def _swap(run: JobRun, old_id: UUID, new_id: UUID) -> bool:
    """The old row takes the key and the labels of the new one, whose tombstone that becomes.

    False where one of them was deleted meanwhile, or they do not say the same: then both stand.
    """
    with transaction.atomic():
        run.fence()
        both = Document.objects.select_for_update().defer("text").in_bulk([old_id, new_id])
        stays, goes = both.get(old_id), both.get(new_id)
        if stays is None or goes is None or stays.deleted_at or goes.deleted_at:
            return False
        if stays.text_hash != goes.text_hash:
            return False
        goes.deleted_at, goes.stale_points = timezone.now(), True
        goes.save(update_fields=["deleted_at", "stale_points"])
        for name in _LABELS:
            setattr(stays, name, getattr(goes, name))
        stays.missing_since = None
        stays.save(update_fields=[*_LABELS, "missing_since", "updated_at"])
        return True
