"""Where answers come from: a source holds documents, a document holds chunks.

The database is the truth, the vector store an index of it.
"""

from __future__ import annotations

from django.db import models

from minirag.fields import EncryptedCredentialsField
from minirag.formats import LONGEST_URL
from tenants.models import TenantOwned


class SourceType(models.TextChoices):
    TEXT = "text"
    FILE = "file"
    URL = "url", "URL"
    SITEMAP = "sitemap"
    CRAWL = "crawl"


# What is fetched from an address, and may therefore be fetched again.
WEB_TYPES = (SourceType.URL, SourceType.SITEMAP, SourceType.CRAWL)


class Refresh(models.TextChoices):
    OFF = "off"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


class SourceStatus(models.TextChoices):
    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    PARTIAL = "partial"
    FAILED = "failed"


class DocumentStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


def _tombstones(name: str) -> models.Index:
    """Of what was deleted only: with the living in it, a planner without statistics would look for
    those first, all tenants', before it follows the few ids that it was given.
    """
    gone = models.Q(deleted_at__isnull=False)
    return models.Index(fields=["deleted_at"], name=name, condition=gone)


class Source(TenantOwned):
    """A text, a set of files, a page or a site. A tombstone (``deleted_at``) is found by nobody."""

    name = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=SourceType.choices)
    content = models.TextField(blank=True)
    url = models.CharField(max_length=LONGEST_URL, blank=True)
    # What differs from the defaults of its type: see sources.options.
    options = models.JSONField(default=dict, blank=True)
    # The password for files of the source that need one.
    secrets = EncryptedCredentialsField()
    metadata = models.JSONField(default=dict, blank=True)
    refresh = models.CharField(max_length=6, choices=Refresh.choices, default=Refresh.OFF)
    next_refresh_at = models.DateTimeField(null=True, blank=True, db_index=True)
    # The last ingest job that nobody asked for: it is more careful about what it removes.
    refresh_job_id = models.UUIDField(null=True, blank=True, editable=False)
    status = models.CharField(
        max_length=12, choices=SourceStatus.choices, default=SourceStatus.PENDING
    )
    error = models.JSONField(null=True, blank=True)
    last_ingested_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        indexes = [*TenantOwned.Meta.indexes, _tombstones("deleted_sources")]

    def __str__(self) -> str:
        return self.name


class Document(TenantOwned):
    """One readable thing of a source, by its stable ``key``.

    ``text`` and the chunks are of the live generation; ``upload`` is the stored original. A new
    upload of the same key waits in ``pending_upload`` until the next ingest has it whole.
    """

    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, related_name="documents", db_index=False
    )
    key = models.CharField(max_length=1000)
    title = models.CharField(max_length=500, blank=True)
    url = models.CharField(max_length=LONGEST_URL, blank=True)
    mime_type = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    text_length = models.PositiveIntegerField(default=0)
    content_hash = models.CharField(max_length=64, blank=True)
    # Of the normalised text: the same words under another address or in other markup.
    text_hash = models.CharField(max_length=64, blank=True)
    # What the server called the version that is held, and where the page led.
    etag = models.CharField(max_length=500, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    links = models.JSONField(default=list, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The archive that an entry came in. The archive's own row holds the upload and no chunks.
    container = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="entries"
    )
    # A listing that had shrunken oddly did not name it: gone for good if the next one doesn't.
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.CharField(
        max_length=12, choices=DocumentStatus.choices, default=DocumentStatus.PENDING
    )
    error = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    # 0: nothing ingested yet. The flip to n+1 is one transaction.
    generation = models.PositiveIntegerField(default=0)
    # How the live generation was cut, so that a changed setting cuts anew.
    index_model = models.CharField(max_length=200, blank=True)
    # Points are being written or left over: set before the first one, cleared after the sweep.
    stale_points = models.BooleanField(default=False, editable=False)
    # The job that made what is live, or found that it cannot be made: its next turn or attempt does
    # not do that again.
    flipped_by = models.UUIDField(null=True, editable=False)
    upload = models.CharField(max_length=500, blank=True)
    pending_upload = models.CharField(max_length=500, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        indexes = [
            *TenantOwned.Meta.indexes,
            models.Index(fields=["source", "created_at", "id"]),
            _tombstones("deleted_documents"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "key"],
                condition=models.Q(deleted_at__isnull=True),
                name="one_live_document_per_key",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.key


class Chunk(TenantOwned):
    """A passage: ``document.text[start:end] == text`` always, offsets in code points.

    A row is stable while its text stands in the document: matched by (document, text hash,
    occurrence) it keeps id, enabled flag and citations across generations; only
    ``qdrant_point_id`` carries the generation.
    """

    document = models.ForeignKey(
        Document, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+", db_index=False)
    ordinal = models.PositiveIntegerField()
    text = models.TextField()
    text_hash = models.CharField(max_length=64)
    occurrence = models.PositiveIntegerField(default=0)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True, blank=True)
    # Where further pages begin inside it: [[offset in the document, page], …]. A quote of a chunk
    # over several pages is cited with its own.
    page_breaks = models.JSONField(default=list, blank=True, editable=False)
    heading_path = models.JSONField(default=list, blank=True)
    token_count = models.PositiveIntegerField()
    enabled = models.BooleanField(default=True)
    qdrant_point_id = models.UUIDField(unique=True)
    # SHA-256 of what was embedded (headings and text): the same words have their vector already.
    # Empty on rows of before it was kept, and then like no other.
    embedded_hash = models.CharField(max_length=64, blank=True, editable=False)
    # Nobody lists chunks by their age, and there are many: each index is paid for by each ingest.
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "passage"
        ordering = ["document", "ordinal"]
        constraints = [
            models.UniqueConstraint(
                fields=["document", "text_hash", "occurrence"], name="one_chunk_per_occurrence"
            )
        ]
        indexes = [
            models.Index(fields=["document", "ordinal"]),
            models.Index(fields=["tenant", "embedded_hash"]),
            # For the sums of a list of sources, which then read no chunk.
            models.Index(fields=["source", "tenant", "document", "token_count"]),
        ]

    def __str__(self) -> str:
        return f"passage {self.ordinal + 1}"
