"""API tokens: stored as SHA-256, shown once."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenants.models.base import Right, TenantOwned


class TokenScope(Right):
    """``admin`` holds ``write`` holds ``read``; ``chat`` is granted by itself."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    CHAT = "chat"

    @property
    def may(self) -> str:
        return {
            "read": "search; see sources, bots, jobs, chats and usage",
            "write": "all of read, and change sources and bots, and start jobs",
            "admin": "all of write, and manage people, API tokens, the keys of bots, "
            "tenant settings, and read the audit record",
            "chat": "ask questions; is held by no other scope",
        }[self.value]


class ApiToken(TenantOwned):
    """A program's credential. Only its digest, prefix and last four characters are kept."""

    name = models.CharField(max_length=200)
    scopes = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last_four})"
