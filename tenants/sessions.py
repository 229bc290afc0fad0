"""The tenant in a browser session."""

from __future__ import annotations

from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

from tenants.credentials import active_membership
from tenants.models import Membership
from tenants.scope import platform_scope

_KEY = "tenant_id"


def memberships_of(user_id: UUID) -> list[Membership]:
    """A user's accepted places in live tenants, by tenant name."""
    with platform_scope("a person's own memberships, to choose a tenant from"):
        return list(
            Membership.objects.filter(
                user_id=user_id, accepted_at__isnull=False, tenant__suspended_at__isnull=True
            )
            .select_related("tenant", "user")
            .order_by("tenant__name", "pk")
        )


def remember_tenant(session: SessionBase, tenant_id: UUID) -> None:
    """From now on this session acts in ``tenant_id``; membership is checked at each request."""
    session[_KEY] = str(tenant_id)


def session_membership(session: SessionBase, user_id: UUID) -> Membership | None:
    """The membership this session acts in: the chosen one, or the only one there is."""
    chosen = session.get(_KEY)
    if chosen is None:
        places = memberships_of(user_id)
        return places[0] if len(places) == 1 and places[0].user.is_active else None
    with platform_scope("authentication: the session's tenant"):
        return active_membership(UUID(str(chosen)), user_id)
