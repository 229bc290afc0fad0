"""Rows for tests, made without the pipeline. The tenant's scope must be open."""

from __future__ import annotations

import uuid
from typing import Any

from sources.models import Chunk, Document, DocumentStatus, Source
from tenants.context import AuthContext, system_context
from tenants.models import Tenant


def acting(tenant: Tenant) -> AuthContext:
    """A credential of ``tenant`` that may do everything."""
    return system_context(tenant.pk, "tests")


def make_source(tenant: Tenant, **values: Any) -> Source:
    """A text source."""
    values = {"name": "Source", "type": "text", "content": "Some text.", **values}
    source: Source = Source.objects.create(tenant=tenant, **values)
    return source


def make_document(
    source: Source, text: str = "First part. Second part.", **values: Any
) -> Document:
    """A document that was ingested."""
    values = {
        "key": f"doc-{uuid.uuid4()}.md",
        "title": "Document",
        "status": DocumentStatus.READY,
        "generation": 1,
        "text_length": len(text),
        **values,
    }
    document: Document = Document.objects.create(
        tenant_id=source.tenant_id, source=source, text=text, **values
    )
    return document


def make_chunk(document: Document, ordinal: int = 0, **values: Any) -> Chunk:
    """A chunk at the beginning of the document's text."""
    values = {
        "text": document.text[:11],
        "text_hash": f"{ordinal:064}",
        "start": 0,
        "end": 11,
        "token_count": 3,
        "qdrant_point_id": uuid.uuid4(),
        **values,
    }
    chunk: Chunk = Chunk.objects.create(
        tenant_id=document.tenant_id,
        document=document,
        source_id=document.source_id,
        ordinal=ordinal,
        **values,
    )
    return chunk
