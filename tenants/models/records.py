"""Records: who did what, and which request was already answered."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models

from tenants.models.base import TenantOwned
from tenants.scope import ScopedManager


class AuditEvent(models.Model):
    """One mutating operation: who, what, on what, from where. Append-only; never a secret.

    ``tenant_id`` is no foreign key: the record outlives its tenant. It is null for platform acts.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField(null=True)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=254, blank=True)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=40, default="ok")
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["tenant_id", "created_at", "id"]),
            models.Index(fields=["object_id", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor or self.actor_kind}"


class IdempotencyRecord(TenantOwned):
    """The first answer to an ``Idempotency-Key``, kept so that a repeat gets it again."""

    key = models.CharField(max_length=255)
    operation = models.CharField(max_length=200)
    body_digest = models.CharField(max_length=64)
    # Null while the first request is still running.
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    # The streamed message that a repeat attaches to.
    message_id = models.UUIDField(null=True)
    locked_until = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="one_record_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"
