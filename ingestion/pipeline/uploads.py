"""Uploaded files as items, and the files inside uploaded archives.

A stored file is never changed under its name, so what is ready and has no newer upload is as it was
and is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from ingestion.loaders import FileLoader, Origin
from ingestion.models import IngestJob
from ingestion.parsing.archives import ArchiveEntry, extract, is_archive, list_entries
from ingestion.parsing.batches import shares_child
from ingestion.pipeline.listing import Listing, origin_of
from ingestion.pipeline.reading import Item, failed_before, held_bytes
from ingestion.pipeline.unchanged import are_alike, labelled
from minirag.errors import AddressRefused, Conflict, UnreadableSource
from minirag.formats import kind_of_mime
from minirag.types import RawDocument
from sources.models import Chunk, Document, DocumentStatus, Source

T = TypeVar("T")
# Rows that are looked at together; items that are read and parsed together, by number and bytes.
# One that is read in a child of its own takes the place of several.
_MOST_ROWS = 500
_MOST_ITEMS, _PLACES = 64, 4
_MOST_BYTES = 2 * 1024 * 1024
_MAX_KEY = 1000


def files_of(
    source: Source, signature: str, listing: Listing, job: IngestJob | None
) -> Iterator[list[Item]]:
    """Files by their rows, a few at a time; entries of an archive follow it."""
    job_id = job.pk if job else None
    live = Document.objects.filter(source=source, deleted_at__isnull=True).defer("text", "links")
    own = live.filter(container__isnull=True)
    base = origin_of(source)
    # Ids first: a row is read when its turn comes, as it stands by then.
    ids = list(own.order_by("created_at", "id").values_list("pk", flat=True))
    for at in range(0, len(ids), _MOST_ROWS):
        turn = ids[at : at + _MOST_ROWS]
        if job is not None:  # a preview tells of each document
            passed = _pass_by(own.filter(pk__in=turn), source, signature, listing)
            turn = [pk for pk in turn if pk not in passed]
        found = own.in_bulk(turn)
        rows = [found[pk] for pk in turn if pk in found]
        archives = [row for row in rows if kind_of_mime(row.mime_type) == "zip"]
        plain = [row for row in rows if row not in archives]
        items = [_item(base, row, signature, job_id) for row in plain]
        if settled := [item for item in items if item.is_settled]:
            yield settled
        yield from _grouped((item for item in items if not item.is_settled), _of_item)
        for row in archives:
            yield from _Archive(source, row, base, listing, signature, job_id).items()


def _pass_by(
    rows: QuerySet[Document], source: Source, signature: str, listing: Listing
) -> set[UUID]:
    """Ids of those ``rows`` that are settled and say what the source says: they are not read."""
    ready = rows.filter(
        status=DocumentStatus.READY,
        error__isnull=True,
        pending_upload="",
        index_model=signature,
        text_length__gt=0,
    ).exclude(upload="")
    labels = source.metadata
    passed = {
        pk: key
        for pk, key, said in ready.values_list("pk", "key", "metadata")
        if are_alike(labelled(said, labels), said)
    }
    if passed:
        listing.pass_by(passed.values(), Chunk.objects.filter(document_id__in=passed).count())
    return set(passed)


def _item(base: Origin, row: Document, signature: str, job_id: UUID | None) -> Item:
    stored = row.pending_upload or row.upload
    origin = replace(
        base, key=row.key, storage_name=stored, mime_type=row.mime_type, title="", content=""
    )
    unchanged, failed = _is_settled(row, signature), failed_before(row, job_id)
    return Item(row.key, origin, row, unchanged=unchanged, failed=failed)


def _is_settled(row: Document, signature: str) -> bool:
    return bool(row.upload and row.text_length) and _is_ready(row, signature)


def _is_ready(row: Document, signature: str) -> bool:
    ready = row.status == DocumentStatus.READY and row.error is None
    return ready and not row.pending_upload and row.index_model == signature


def _grouped(things: Iterable[T], of: Callable[[T], tuple[str, int]]) -> Iterator[list[T]]:
    """Things to be read and parsed together; ``of`` one it says its name and its bytes."""
    group: list[T] = []
    size = places = 0
    for thing in things:
        name, held = of(thing)
        takes = 1 if shares_child(name, held) else _PLACES
        if group and (size + held > _MOST_BYTES or places + takes > _MOST_ITEMS):
            yield group
            group, size, places = [], 0, 0
        group.append(thing)
        size += held
        places += takes
    if group:
        yield group


def _of_item(item: Item) -> tuple[str, int]:
    return item.key, held_bytes(item)


def _of_entry(entry: ArchiveEntry) -> tuple[str, int]:
    return entry.name, entry.size


class _Archive:
    """One uploaded archive and the rows of its entries."""

    def __init__(
        self,
        source: Source,
        row: Document,
        base: Origin,
        listing: Listing,
        signature: str,
        job_id: UUID | None,
    ) -> None:
        self._signature = signature
        self._job_id = job_id
        self._source = source
        self._row = row
        self._own = _item(base, row, signature, job_id)
        self._base = base
        self._listing = listing
        self._entries = Document.objects.filter(
            source=source, deleted_at__isnull=True, container=row
        ).defer("text", "links")

    def items(self) -> Iterator[list[Item]]:
        if self._own.is_settled:  # a document of another kind, or it cannot be read
            if self._own.failed is not None:
                self._listing.present.update(self._entries.values_list("key", flat=True))
            yield [self._own]
            return
        if self._is_settled():
            self._listing.present.add(self._row.key)
            yield [self._item(row.key, row, unchanged=True) for row in self._entries]
            return
        try:
            (raw,) = FileLoader(
                self._row.key,
                self._own.stored_name,
                self._row.mime_type,
                password=self._base.password,
            ).load()
            if not is_archive(raw):
                yield [replace(self._own, raw=raw)]  # a document of another kind under this name
                return
            entries = list_entries(raw)
        except (UnreadableSource, AddressRefused) as error:
            # What stood in it goes on answering.
            self._listing.present.update(self._entries.values_list("key", flat=True))
            yield [replace(self._own, error=error)]
            return
        yield from self._read(raw, entries)
        self._listing.present.add(self._row.key)
        self._listing.archives.append((self._row, self._own.stored_name))

    def _is_settled(self) -> bool:
        if not self._row.upload or not _is_ready(self._row, self._signature):
            return False
        open_ones = ~Q(status=DocumentStatus.READY) | ~Q(index_model=self._signature)
        return not self._entries.filter(open_ones).exists()

    def _read(self, raw: RawDocument, entries: Sequence[ArchiveEntry]) -> Iterator[list[Item]]:
        held = {row.key: row for row in self._entries}
        taken = self._names_of_others([entry.name for entry in entries])
        wanted = [entry for entry in entries if entry.name not in taken]
        names = {entry.name for entry in wanted}
        for key, row in held.items():
            if key not in names:
                self._listing.left_by(row)
        if taken:
            yield [self._doubled(entry.name) for entry in entries if entry.name in taken]
        failed = {key for key in names if failed_before(held.get(key), self._job_id) is not None}
        if failed:
            yield [self._item(key, held[key]) for key in sorted(failed)]
            wanted = [entry for entry in wanted if entry.name not in failed]
        for group in _grouped(wanted, _of_entry):
            found = extract(raw, [entry.index for entry in group])
            yield [
                self._item(entry.name, held.get(entry.name), error=document)
                if isinstance(document, UnreadableSource)
                else self._item(entry.name, held.get(entry.name), raw=document)
                for entry, document in zip(group, found, strict=True)
            ]

    def _names_of_others(self, names: Sequence[str]) -> set[str]:
        """Names that are taken by another upload, or by another archive's entry."""
        others = Document.objects.filter(
            Q(container__isnull=True) | ~Q(container=self._row),
            source=self._source,
            deleted_at__isnull=True,
        )
        found: set[str] = set()
        for at in range(0, len(names), _MOST_ROWS):
            some = others.filter(key__in=names[at : at + _MOST_ROWS])
            found.update(some.values_list("key", flat=True))
        return found

    def _doubled(self, name: str) -> Item:
        """Fails alone, under a key of its own."""
        key = f"{self._row.key}/{name}"[:_MAX_KEY]
        row = self._entries.filter(key=key).first()
        words = f"Another upload of this source holds {name} already: rename one of the two."
        return self._item(key, row, error=Conflict(words))

    def _item(
        self,
        key: str,
        row: Document | None,
        *,
        raw: RawDocument | None = None,
        error: UnreadableSource | Conflict | None = None,
        unchanged: bool = False,
    ) -> Item:
        if raw is not None:
            raw = replace(raw, key=key)
        origin = replace(self._base, key=key, title="", content="")
        return Item(
            key,
            origin,
            row,
            raw=raw,
            error=error,
            unchanged=unchanged,
            container_id=self._row.pk,
            failed=failed_before(row, self._job_id),
            shown=True,
        )
