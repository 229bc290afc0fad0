"""Which of a signed-in person's tenants this browser session works in."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest

from tenants.models import Membership, User
from tenants.scope import platform_scope

SESSION_KEY = "minirag_tenant"


def remember_tenant(request: HttpRequest, tenant_id: UUID) -> None:
    """Work in this tenant from now on; membership is checked at each request, not here."""
    request.session[SESSION_KEY] = str(tenant_id)


def memberships_of(user: User) -> list[Membership]:
    """Accepted memberships of tenants that are not suspended, by tenant name."""
    with platform_scope("session: memberships of the signed-in user"):
        return list(
            Membership.objects.filter(
                user=user, accepted_at__isnull=False, tenant__suspended_at__isnull=True
            )
            .select_related("tenant", "user")
            .order_by("tenant__name", "id")
        )


def active_membership(request: HttpRequest) -> Membership | None:
    """The membership this session works under; the first one where none was chosen yet.

    One that was chosen and is lost is not replaced by another: a form meant for one tenant must
    not land in the next. Signing in again forgets the choice.
    """
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    wanted = request.session.get(SESSION_KEY)
    found = memberships_of(user)
    if wanted is None:
        return found[0] if found else None
    return next((row for row in found if str(row.tenant_id) == wanted), None)


def forget_tenant(request: HttpRequest) -> None:
    """Let the next request choose again."""
    request.session.pop(SESSION_KEY, None)
