"""Reads of people, tokens, records and the tenant itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from minirag.errors import NotFound
from minirag.types import VectorSpace
from tenants.context import AuthContext
from tenants.models import ApiToken, AuditEvent, Membership, Tenant


def get_tenant(auth: AuthContext) -> Tenant:
    """The acting credential's own tenant. Raises ``NotFound``."""
    found: Tenant | None = Tenant.objects.filter(pk=auth.tenant_id).first()
    if found is None:
        raise NotFound()
    return found


def vector_space(tenant: Tenant) -> VectorSpace | None:
    """Where the tenant's vectors live; None until its embedding model was first asked."""
    if tenant.index_dimensions is None:
        return None
    return VectorSpace(tenant.embedding_model, tenant.index_dimensions, tenant.index_version)


def list_members(auth: AuthContext) -> QuerySet[Membership]:
    """Members and pending invitations, newest first."""
    rows: QuerySet[Membership] = Membership.objects.select_related("user")
    return rows


def access_member(auth: AuthContext, membership_id: UUID) -> Membership:
    """Raises ``NotFound``, in the same words for foreign and missing ones."""
    found = list_members(auth).filter(pk=membership_id).first()
    if found is None:
        raise NotFound()
    return found


def list_api_tokens(auth: AuthContext) -> QuerySet[ApiToken]:
    """Tokens that were not revoked, newest first."""
    rows: QuerySet[ApiToken] = ApiToken.objects.filter(revoked_at__isnull=True)
    return rows


def access_api_token(auth: AuthContext, token_id: UUID) -> ApiToken:
    """Raises ``NotFound``, also for a revoked one."""
    found = list_api_tokens(auth).filter(pk=token_id).first()
    if found is None:
        raise NotFound()
    return found


def list_audit_events(
    auth: AuthContext,
    *,
    actor: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Events, newest first. ``actor`` is a name or id; ``since`` is included, ``until`` is not."""
    filters: dict[str, Any] = {}
    if action:
        filters["action"] = action
    if since:
        filters["created_at__gte"] = since
    if until:
        filters["created_at__lt"] = until
    rows: QuerySet[AuditEvent] = AuditEvent.objects.filter(**filters)
    return (rows.filter(actor=actor) | rows.filter(actor_id=actor)) if actor else rows
