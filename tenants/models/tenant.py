"""The tenant: a customer or department with its own people, bots, sources and limits."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models

from minirag.fields import EncryptedCredentialsField
from tenants.scope import ScopedManager

DEFAULT_EMBEDDING_MODEL = "local/minilm-l6-v2"


class Tenant(models.Model):
    """A tenant. Inside a tenant's scope only its own row exists."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    embedding_model = models.CharField(max_length=200, default=DEFAULT_EMBEDDING_MODEL)
    embedding_credentials = EncryptedCredentialsField()
    # Known once the model has been asked; null until the first ingest.
    index_dimensions = models.PositiveIntegerField(null=True, blank=True, editable=False)
    index_version = models.PositiveIntegerField(default=1, editable=False)
    max_documents = models.PositiveIntegerField(null=True, blank=True)
    max_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    # Billionths of a US dollar per calendar month (UTC); null is no limit.
    monthly_cost_limit_nano = models.PositiveBigIntegerField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    # A tombstone: suspended for good. The row stays, for what is kept of a tenant hangs on it.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager("pk")

    class Meta:
        base_manager_name = "objects"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.suspended_at is None
