"""Roles of members. Owners are changed by owners only, and one is always left."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from minirag.errors import Conflict, Forbidden, Invalid
from tenants import audit
from tenants.context import AuthContext
from tenants.locking import lock_row
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import platform_scope
from tenants.services.logins import end_logins


def _one_at_a_time(auth: AuthContext) -> None:
    """Changes of a tenant's members lock several of them; in any order but one they would wait for
    each other.
    """
    lock_row(Tenant.objects.filter(pk=auth.tenant_id))


def check_rank(auth: AuthContext, *roles: str) -> None:
    """Raises ``Forbidden`` where an owner is concerned and none acts."""
    if Role.OWNER in roles and auth.role is not Role.OWNER:
        raise Forbidden("Only an owner may change owners.")


def valid_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError as error:
        raise Invalid.field("role", "Must be owner, admin, editor or viewer.") from error


def _keep_an_owner(member: Membership) -> None:
    """Raises ``Conflict`` for the last owner. Locks the owners: two cannot leave at once."""
    owners = list(
        Membership.objects.select_for_update()
        .filter(role=Role.OWNER, accepted_at__isnull=False)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if member.role == Role.OWNER and owners == [member.pk]:
        raise Conflict("The last owner stays: make somebody else an owner first.")


def _locked(member: Membership) -> Membership:
    found: Membership | None = (
        Membership.objects.select_for_update(of=("self",)).filter(pk=member.pk).first()
    )
    if found is None:
        raise Conflict("This member was removed meanwhile.")
    return found


@transaction.atomic
def change_role(auth: AuthContext, member: Membership, role: str) -> Membership:
    """Acts at the member's next request. Raises ``Forbidden``, ``Conflict`` or ``Invalid``."""
    wanted = valid_role(role)
    check_rank(auth, member.role, wanted)
    _one_at_a_time(auth)
    if wanted is not Role.OWNER:
        _keep_an_owner(member)
    present = _locked(member)
    check_rank(auth, present.role, wanted)
    before, present.role = present.role, wanted
    present.save(update_fields=["role"])
    audit.record(auth, "user.change", present, detail={"from": before, "to": wanted})
    present.user = member.user
    return present


@transaction.atomic
def remove_member(auth: AuthContext, member: Membership) -> None:
    """Ends the membership, its logins, and what its tokens may do. The last owner stays."""
    check_rank(auth, member.role)
    _one_at_a_time(auth)
    _keep_an_owner(member)
    present = _locked(member)
    check_rank(auth, present.role)
    audit.record(auth, "user.remove", present, detail={"email": member.user.email})
    end_logins(present.user_id)
    present.delete()
    _forget_stranger(member.user)


def _forget_stranger(user: User) -> None:
    """An account that was only ever invited, and is a member nowhere, is deleted."""
    with platform_scope("whether an invited person is a member anywhere else"):
        known = Membership.objects.filter(user=user).exists()
    if not known and not user.has_usable_password() and not user.is_staff:
        with platform_scope("the rows that go with an account nobody knows"):
            user.delete()


def people_of(tenant_id: UUID) -> list[UUID]:
    """Accounts with a place in the tenant and in no other, platform operators aside."""
    with platform_scope("who is a member of nothing but a tenant that is deleted"):
        here = Membership.objects.filter(tenant_id=tenant_id).values("user_id")
        elsewhere = Membership.objects.exclude(tenant_id=tenant_id).values("user_id")
        found = User.objects.filter(pk__in=here, is_staff=False).exclude(pk__in=elsewhere)
        return list(found.values_list("pk", flat=True))


def forget_people(user_ids: Sequence[UUID]) -> None:
    """Delete accounts of ``people_of``, unless one has become a member somewhere meanwhile."""
    with platform_scope("the accounts that go with a deleted tenant"):
        for user in User.objects.filter(pk__in=user_ids, is_staff=False):
            if not Membership.objects.filter(user=user).exists():
                user.delete()
