"""Writes of sources, documents and chunks. The tenant's scope must be open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from minirag.errors import Conflict, Invalid, NotFound
from minirag.formats import mime_type_of
from minirag.validation import Rule, clean_all
from sources import uploads
from sources.models import Chunk, Document, DocumentStatus, Refresh, Source, SourceType
from sources.options import apply_options, clean_options
from sources.quota import bytes_of, check_room, live_of_tenant
from sources.refreshing import clean_refresh, next_refresh
from sources.selectors import stored_files
from sources.validation import clean_content, clean_metadata, clean_name, clean_url, merged
from tenants import audit, idempotency
from tenants.context import AuthContext
from tenants.locking import lock_row
from tenants.models import Tenant

_CHANGEABLE = frozenset({"name", "content", "url", "metadata", "options", "refresh"})


@dataclass(frozen=True, slots=True)
class _Kept:
    """An uploaded file that is stored already."""

    key: str
    size: int
    stored_name: str


def create_source(
    auth: AuthContext,
    *,
    name: str,
    type: str,
    content: str | None = None,
    url: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    refresh: str = Refresh.OFF,
) -> Source:
    """A new source; nothing is ingested yet. Raises ``Invalid`` or ``AddressRefused``."""
    if type not in SourceType.values:
        raise Invalid.field("type", f"One of {', '.join(SourceType.values)}.")
    values = {
        "name": name,
        "content": content,
        "url": url,
        "metadata": metadata or {},
        "options": options or {},
        "refresh": refresh,
    }
    clean = clean_all(_rules(type), values)
    changes = clean.pop("options")
    source = Source(tenant_id=auth.tenant_id, type=type, **clean)
    apply_options(source, changes)
    source.next_refresh_at = next_refresh(source.refresh, timezone.now())
    with transaction.atomic():
        source.save()
        audit.record(auth, "source.create", source, detail={"name": source.name, "type": type})
    return source


def update_source(auth: AuthContext, source: Source, **changes: Any) -> Source:
    """Change a source; answers change with the next ingest. ``options`` are merged, ``metadata`` is
    the whole, ``metadata_changes`` are merged.

    Raises ``Invalid``, ``AddressRefused``, or ``NotFound`` for one that was deleted meanwhile. The
    type of a source stands for good.
    """
    if changes.get("type", source.type) != source.type:
        raise Invalid.field("type", "The type of a source cannot be changed.")
    changes.pop("type", None)
    with transaction.atomic():
        _as_it_is_now(source)
        if "metadata_changes" in changes:
            changes["metadata"] = merged(source.metadata, changes.pop("metadata_changes"))
        clean = _clean_changes(source, changes)
        if clean:
            source.save(update_fields=[*_lay(source, clean), "updated_at"])
            audit.record(auth, "source.update", source, detail={"fields": sorted(clean)})
    return source


def _as_it_is_now(source: Source) -> None:
    """Hold the row, and take from it what is merged: of two changes at once neither is lost."""
    rows = Source.objects.filter(pk=source.pk, deleted_at__isnull=True)
    present = lock_row(rows.only("metadata", "options", "secrets"))
    for name in ("metadata", "options", "secrets"):
        source.__dict__[name] = present.__dict__[name]


def _lay(source: Source, clean: Mapping[str, Any]) -> set[str]:
    """Set the fields. Returns the columns to be saved."""
    columns = set(clean)
    for field, value in clean.items():
        if field == "options":
            apply_options(source, value)
            columns.add("secrets")
        else:
            setattr(source, field, value)
    if "refresh" in clean:
        source.next_refresh_at = next_refresh(source.refresh, timezone.now())
        columns.add("next_refresh_at")
    return columns


def _clean_changes(source: Source, changes: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := changes.keys() - _CHANGEABLE:
        raise Invalid(fields={name: ["Unknown field."] for name in sorted(unknown)})
    return clean_all(_rules(source.type), changes)


def _rules(source_type: str) -> dict[str, Rule]:
    """How the fields of a source of this type are judged."""
    return {
        "name": clean_name,
        "content": partial(clean_content, source_type),
        "url": partial(clean_url, source_type),
        "metadata": clean_metadata,
        "options": partial(clean_options, source_type),
        "refresh": partial(clean_refresh, source_type),
    }


def retire_source(auth: AuthContext, source: Source) -> None:
    """Turn a source into a tombstone: from the commit on it is found by nothing.

    Points and rows are removed by the job that the caller schedules in the same transaction.
    """
    with transaction.atomic():
        retired = Source.objects.filter(pk=source.pk, deleted_at__isnull=True).update(
            deleted_at=timezone.now()
        )
        if retired:
            idempotency.forget_quotes(source.tenant_id)
            audit.record(auth, "source.delete", source, detail={"name": source.name})


def retire_document(auth: AuthContext, document: Document) -> None:
    """As ``retire_source``, for one document, and for the entries of an archive with it.

    A later upload of its key is a new document.
    """
    with transaction.atomic():
        live = Document.objects.filter(deleted_at__isnull=True)
        now = timezone.now()
        retired = live.filter(pk=document.pk).update(deleted_at=now)
        live.filter(container_id=document.pk).update(deleted_at=now, stale_points=True)
        if retired:
            idempotency.forget_quotes(document.tenant_id)
            audit.record(auth, "document.delete", document, detail={"key": document.key})


def add_upload(auth: AuthContext, source: Source, file: File[Any]) -> Document:
    """One file, as ``add_uploads``."""
    return add_uploads(auth, source, [file])[0]


def add_uploads(auth: AuthContext, source: Source, files: Sequence[File[Any]]) -> list[Document]:
    """Store files for the next ingest: all of them, or none and no file is left behind.

    A key that exists is replaced at the next ingest; until then the old version answers. Raises
    ``Conflict`` (not a file source), ``Invalid``, ``TooLarge`` or ``QuotaExceeded``.
    """
    if source.type != SourceType.FILE:
        raise Conflict("Files can be uploaded to a source of type file only.")
    if not files:
        raise Invalid.field("file", "Send at least one file.")
    wanted = [(uploads.clean_key(file.name), uploads.check_size(file), file) for file in files]
    counted = Counter(key for key, _, _ in wanted)
    if twice := sorted(key for key, count in counted.items() if count > 1):
        raise Invalid.field("file", f"Two files have the name {twice[0]}: one would be lost.")
    _check_quota(auth, source, {key: size for key, size, _ in wanted})
    kept: list[_Kept] = []
    try:
        for key, size, file in wanted:
            kept.append(_Kept(key, size, uploads.keep(source, file)))
        return _add_documents(auth, source, kept)
    except BaseException:
        uploads.discard(item.stored_name for item in kept)
        raise


@transaction.atomic
def _add_documents(auth: AuthContext, source: Source, kept: Sequence[_Kept]) -> list[Document]:
    # The tenant's row is the lock: two uploads at the edge of a limit wait for each other.
    Tenant.objects.select_for_update(no_key=True).get(pk=auth.tenant_id)
    if not Source.objects.filter(pk=source.pk, deleted_at__isnull=True).exists():
        raise Conflict("The source was deleted meanwhile.")
    _check_quota(auth, source, {item.key: item.size for item in kept})
    documents = {item.key: _put(source, item) for item in kept}
    audit.record(auth, "source.upload", source, detail={"documents": len(documents)})
    return list(documents.values())


def _put(source: Source, item: _Kept) -> Document:
    """The live document of the key with the new file waiting in it. Raises ``Conflict``."""
    rows = Document.objects.select_for_update(no_key=True)
    document, created = rows.get_or_create(
        source=source,
        key=item.key,
        deleted_at__isnull=True,
        defaults={
            "tenant_id": source.tenant_id,
            "title": item.key,
            "mime_type": mime_type_of(item.key),
            "pending_upload": item.stored_name,
            "size_bytes": item.size,
        },
    )
    row: Document = document
    if row.container_id is not None:
        raise Conflict(f"An archive of this source holds {item.key} already.")
    if not created:
        uploads.discard_on_commit([row.pending_upload])
        row.pending_upload, row.size_bytes = item.stored_name, item.size
        row.status, row.error = DocumentStatus.PENDING, None
        row.save(update_fields=["pending_upload", "size_bytes", "status", "error", "updated_at"])
    return row


def _check_quota(auth: AuthContext, source: Source, sizes: Mapping[str, int]) -> None:
    """Raise ``QuotaExceeded`` where files of ``sizes`` (by key) would pass a tenant's limit."""
    tenant = Tenant.objects.get(pk=auth.tenant_id)
    if tenant.max_documents is None and tenant.max_bytes is None:
        return
    live = live_of_tenant()
    replaced = live.filter(source=source, key__in=sizes)
    documents = live.count() + len(sizes) - replaced.count()
    total = bytes_of(live) - bytes_of(replaced) + sum(sizes.values())
    check_room(tenant, documents, total)


def forget_files(documents: Sequence[Document]) -> None:
    """Delete the stored files of documents whose rows the running transaction deletes."""
    uploads.discard_on_commit(stored_files(documents))


def forget_folder(tenant_id: UUID, source_id: UUID) -> None:
    """Remove the folder of a source whose row the running transaction deletes, if it is empty."""
    path = uploads.folder_of(tenant_id, source_id)
    transaction.on_commit(partial(uploads.drop_folder, path), robust=True)


def set_chunk_enabled(auth: AuthContext, chunk: Chunk, enabled: bool) -> Chunk:
    """Take a passage out of every answer, or let it in again; acts with the next question.

    Raises ``NotFound`` where an ingest or a deletion took the passage away meanwhile.
    """
    if chunk.enabled != enabled:
        chunk.enabled = enabled
        with transaction.atomic():
            if not Chunk.objects.filter(pk=chunk.pk).update(enabled=enabled):
                raise NotFound
            if not enabled:
                idempotency.forget_quotes(chunk.tenant_id)
            audit.record(auth, "chunk.update", chunk, detail={"enabled": enabled})
    return chunk
