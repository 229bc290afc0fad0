"""Reads of sources, documents and chunks. The tenant's scope must be open.

A tombstone, and whatever hangs below it, is found by nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from django.db.models import (
    Case,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    When,
)
from django.db.models.functions import Coalesce, Length

from minirag.counts import count_of
from minirag.errors import NotFound
from sources.models import Chunk, Document, DocumentStatus, Source
from tenants.context import AuthContext

Row = TypeVar("Row", bound=Model)

# Longer contents are on the single read only.
LONGEST_LISTED_CONTENT = 10_000

_LIVE = Q(deleted_at__isnull=True)
_LIVE_DOCUMENT = Q(document__deleted_at__isnull=True, source__deleted_at__isnull=True)


def list_sources(auth: AuthContext) -> QuerySet[Source]:
    """Live sources, newest first, with their counts (``count_…``) in the same query.

    ``content`` is deferred: a page of long texts would fill the memory; ``short_content`` is there
    where it is short.
    """
    rows: QuerySet[Source] = Source.objects.filter(_LIVE, tenant_id=auth.tenant_id)
    documents = Document.objects.filter(_LIVE)
    # Told by an index alone, with the few tombstones beside it: joined with their documents, each
    # of a large tenant's chunks would be looked up in every list.
    gone = Document.objects.filter(deleted_at__isnull=False).order_by().values("pk")
    chunks = Chunk.objects.exclude(document__in=gone)
    own = chunks.filter(source=OuterRef("pk")).order_by().values("source")
    return rows.annotate(
        count_documents=count_of(documents, "source"),
        count_failed=count_of(documents.filter(status=DocumentStatus.FAILED), "source"),
        count_chunks=count_of(chunks, "source"),
        count_tokens=Coalesce(Subquery(own.annotate(n=Sum("token_count")).values("n")), 0),
        content_length=Length("content"),
        short_content=Case(
            When(content_length__lte=LONGEST_LISTED_CONTENT, then="content"),
            output_field=TextField(null=True),
        ),
    ).defer("content")


def access_source(auth: AuthContext, source_id: UUID) -> Source:
    """Raises ``NotFound`` alike for foreign, deleted and missing ones."""
    return _only(list_sources(auth).filter(pk=source_id).defer(None))


def list_documents(auth: AuthContext, source: Source | None = None) -> QuerySet[Document]:
    """Live documents, newest first, without their texts, with ``chunk_count``."""
    rows: QuerySet[Document] = Document.objects.filter(
        _LIVE, source__deleted_at__isnull=True, tenant_id=auth.tenant_id
    )
    if source is not None:
        rows = rows.filter(source=source)
    return rows.annotate(chunk_count=count_of(Chunk.objects.all(), "document")).defer("text")


def access_document(auth: AuthContext, document_id: UUID) -> Document:
    """With its text. Raises ``NotFound`` alike for foreign, deleted and missing ones."""
    return _only(list_documents(auth).filter(pk=document_id).defer(None))


def list_chunks(auth: AuthContext, document: Document) -> QuerySet[Chunk]:
    """A document's chunks in their order."""
    rows: QuerySet[Chunk] = Chunk.objects.filter(
        _LIVE_DOCUMENT, document=document, tenant_id=auth.tenant_id
    )
    return rows.order_by("ordinal", "id")


def access_chunk(auth: AuthContext, chunk_id: UUID) -> Chunk:
    """Raises ``NotFound`` alike for foreign, deleted and missing ones."""
    rows: QuerySet[Chunk] = Chunk.objects.filter(_LIVE_DOCUMENT, tenant_id=auth.tenant_id)
    return _only(rows.filter(pk=chunk_id))


def readable_chunks(point_ids: Sequence[UUID]) -> dict[UUID, Chunk]:
    """Chunks that may be shown, by point id, with document and source; one query.

    The store proposes, the database disposes: points of deleted, disabled, replaced or foreign
    chunks are not in the answer.
    """
    rows = Chunk.objects.filter(_LIVE_DOCUMENT, enabled=True, qdrant_point_id__in=point_ids)
    found = rows.select_related("document", "source").defer("document__text", "source__content")
    return {chunk.qdrant_point_id: chunk for chunk in found}


def live_sources(source_ids: Iterable[UUID]) -> QuerySet[Source]:
    """Those of ``source_ids`` that exist for this tenant and are not deleted."""
    rows: QuerySet[Source] = Source.objects.filter(_LIVE, pk__in=list(source_ids))
    return rows


def tenant_has_chunks() -> bool:
    """Whether anything was ever indexed for the tenant whose scope is open."""
    return bool(Chunk.objects.exists())


def stored_files(documents: Iterable[Document]) -> list[str]:
    """Names in the storage of every file that ``documents`` hold."""
    names = (name for row in documents for name in (row.upload, row.pending_upload))
    return [name for name in names if name]


def _only(rows: QuerySet[Row]) -> Row:
    row = rows.first()
    if row is None:
        raise NotFound
    return row
