"""The audit record: to be read only."""

from __future__ import annotations

from django.http import HttpRequest

from tenants.console import DomainAdmin, register
from tenants.models import AuditEvent, TokenScope


@register(AuditEvent)
class AuditEventAdmin(DomainAdmin):
    view_scope = TokenScope.ADMIN
    list_display = ("created_at", "actor", "action", "object_type", "object_id", "outcome", "ip")
    list_filter = ("action", "outcome", "actor_kind", "created_at")
    fields = (
        "created_at", "actor", "actor_kind", "action", "object_type", "object_id", "outcome",
        "detail", "ip", "request_id",
    )  # fmt: skip
    search_fields = ("actor", "object_id", "request_id")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "object_id__exact" or super().lookup_allowed(lookup, value, request)
