"""The audit record: to be read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from tenants.console import DomainAdmin, register
from tenants.context import ActorKind
from tenants.models import AuditEvent, TokenScope


def record_platform_act(
    request: HttpRequest, action: str, row: Model | None = None, *, detail: Mapping[str, Any]
) -> None:
    """An act of the platform's operator on what belongs to no tenant."""
    AuditEvent.objects.create(
        tenant_id=None,
        actor_kind=ActorKind.USER,
        actor_id=str(request.user.pk),
        actor=getattr(request.user, "email", ""),
        action=action,
        object_type=row._meta.model_name or "" if row is not None else "",
        object_id=str(row.pk) if row is not None else "",
        detail=dict(detail),
        ip=getattr(request, "client_ip", None),
        request_id=getattr(request, "request_id", ""),
    )


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
