"""What needs no new version: the same content, perhaps under other labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ingestion.parsing.answers import METADATA_KEYS
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


def labelled(
    said: Mapping[str, JSONScalar], labels: Mapping[str, JSONScalar]
) -> dict[str, JSONScalar]:
    """What a document that ``said`` this says under ``labels`` of its source.

    What its parser found stays; labels that were taken back go.
    """
    return {**{key: said[key] for key in said if key in METADATA_KEYS}, **labels}


def are_alike(one: Mapping[str, JSONScalar], other: Mapping[str, JSONScalar]) -> bool:
    """Whether both say the same: 1, 1.0 and true, which are equal here, are three things there."""
    return one == other and all(type(one[key]) is type(other[key]) for key in one)


def stale_labels(reading: Reading, metadata: Mapping[str, JSONScalar]) -> Facts | None:
    """What an unchanged row shall say where it says something else; None where it is right.

    ``metadata`` is the source's.
    """
    document = reading.document
    assert document is not None
    known = labelled(document.metadata, metadata)
    alike = are_alike(known, document.metadata)
    ready = document.status == DocumentStatus.READY and document.error is None
    settled = ready and not document.pending_upload
    if settled and reading.item.unchanged and alike:
        return None  # the facts of what was not read are the row's own
    labels = replace(
        reading.facts, title=document.title, text_hash=document.text_hash, metadata=known
    )
    if settled and alike and _said(labels) == _says(document):
        return None
    return labels


def _said(labels: Facts) -> tuple[object, ...]:
    return (
        labels.url[:LONGEST_URL],
        labels.etag,
        labels.last_modified,
        list(labels.links),
        labels.container_id,
    )


def _says(document: Document) -> tuple[object, ...]:
    links = [] if "links" in document.get_deferred_fields() else document.links
    return (
        document.url,
        document.etag,
        document.last_modified,
        list(links),
        document.container_id,
    )
