"""Invitations: a one-time link makes a person a member.

The link proves that an admin invited; who already has an account proves with its password that it
is theirs. So nobody who sees a link can take over an account.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from minirag.api.context import info_of
from minirag.errors import Conflict, Invalid, NotFound, Unauthenticated
from tenants import audit, tokens
from tenants.context import AuthContext
from tenants.credentials import context_of
from tenants.models import Membership
from tenants.scope import platform_scope, tenant_scope
from tenants.services.logins import account_of, check_password, valid_email, valid_password
from tenants.services.members import check_rank, valid_role

INVITATION_PATH = "/console/invitation/"


@dataclass(frozen=True, slots=True)
class Invitation:
    """``link`` is shown now and never again."""

    membership: Membership
    link: str = field(repr=False)


@transaction.atomic
def invite(auth: AuthContext, *, email: str, role: str, name: str = "") -> Invitation:
    """A pending membership.

    Raises ``Invalid`` for what is no address, ``Conflict`` for somebody who is a member already.
    """
    wanted = valid_role(role)
    check_rank(auth, wanted)
    address = valid_email(email)
    user, _ = account_of(address, None, name)
    raw = secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                tenant_id=auth.tenant_id,
                user=user,
                role=wanted,
                invite_digest=tokens.digest(raw),
                invite_expires_at=timezone.now()
                + timedelta(hours=settings.MINIRAG_INVITATION_HOURS),
            )
    except IntegrityError as error:
        raise Conflict("This person is a member or invited already.") from error
    audit.record(auth, "user.invite", membership, detail={"email": address, "role": wanted})
    return Invitation(membership, f"{settings.MINIRAG_PUBLIC_URL}{INVITATION_PATH}{raw}")


def find_invitation(raw: str) -> Membership:
    """The pending membership of a link. Raises ``NotFound`` for used, old and invented ones."""
    found: Membership | None = None
    if raw and len(raw) <= 100:
        with platform_scope("authentication: the tenant follows from the invitation"):
            found = (
                Membership.objects.filter(
                    invite_digest=tokens.digest(raw),
                    invite_expires_at__gt=timezone.now(),
                    accepted_at__isnull=True,
                    tenant__suspended_at__isnull=True,
                    user__is_active=True,
                )
                .select_related("user", "tenant")
                .first()
            )
    if found is None:
        raise NotFound("This invitation does not exist, was used, or is too old.")
    return found


def accept_invitation(request: HttpRequest, raw: str, password: str) -> Membership:
    """Makes the invited person a member. A new account gets ``password``; a known one has to know
    its own. Raises ``NotFound``, ``Invalid`` or ``RateLimited``.
    """
    membership = find_invitation(raw)
    user = membership.user
    is_new = not user.has_usable_password()
    if is_new:
        valid_password(password, user, "password")
    else:
        try:
            check_password(request, user.email, password)
        except Unauthenticated as error:
            raise Invalid.field("password", "This account has another password.") from error
    with tenant_scope(membership.tenant_id), transaction.atomic():
        used = Membership.objects.filter(pk=membership.pk, accepted_at__isnull=True).update(
            accepted_at=timezone.now(), invite_digest="", invite_expires_at=None
        )
        if not used:
            raise NotFound("This invitation does not exist, was used, or is too old.")
        if is_new:
            user.set_password(password)
            user.save(update_fields=["password"])
        membership.refresh_from_db()
        membership.user = user
        info = info_of(request)
        auth = context_of(membership, ip=info.ip, request_id=info.request_id)
        audit.record(auth, "user.accept", membership, detail={"role": membership.role})
    return membership
