"""What needs no new version: the same content, perhaps under other labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ingestion.pipeline.plans import Facts
from ingestion.pipeline.reading import Reading
from minirag.formats import LONGEST_URL
from minirag.types import JSONScalar
from sources.models import Document, DocumentStatus


def is_unchanged(reading: Reading, signature: str) -> bool:
    """Whether the row has this very content already, cut in this very way."""
    if reading.item.unchanged:
        return True
    document = reading.document
    if document is None or not document.generation or document.error is not None:
        return False
    same = (reading.facts.content_hash, signature)
    return (document.content_hash, document.index_model) == same


def stale_labels(reading: Reading, metadata: Mapping[str, JSONScalar]) -> Facts | None:
    """What an unchanged row shall say where it says something else; None where it is right.

    ``metadata`` is the source's, laid over what the parser found.
    """
    document = reading.document
    assert document is not None
    known = {**document.metadata, **metadata}
    ready = document.status == DocumentStatus.READY and document.error is None
    settled = ready and not document.pending_upload
    if settled and reading.item.unchanged and known == document.metadata:
        return None  # the facts of what was not read are the row's own
    labels = replace(
        reading.facts, title=document.title, text_hash=document.text_hash, metadata=known
    )
    if settled and _said(labels) == _says(document):
        return None
    return labels


def _said(labels: Facts) -> tuple[object, ...]:
    return (
        labels.url[:LONGEST_URL],
        labels.etag,
        labels.last_modified,
        list(labels.links),
        labels.container_id,
        dict(labels.metadata),
    )


def _says(document: Document) -> tuple[object, ...]:
    links = [] if "links" in document.get_deferred_fields() else document.links
    return (
        document.url,
        document.etag,
        document.last_modified,
        list(links),
        document.container_id,
        dict(document.metadata),
    )
