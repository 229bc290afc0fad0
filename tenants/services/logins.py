"""Logins of people: a right password becomes a ``LoginSession`` and a pair of JWTs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import authenticate, password_validation, user_logged_in
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from minirag.api.context import info_of
from minirag.errors import Forbidden, Invalid, RateLimited, Unauthenticated
from tenants import audit, jwt
from tenants.context import ActorKind, AuthContext
from tenants.credentials import active_membership, context_of, live_session
from tenants.models import LoginSession, Membership, User
from tenants.scope import platform_scope, tenant_scope
from tenants.session import memberships_of

WRONG = "The e-mail or the password is wrong."


def check_password(request: HttpRequest, email: str, password: str) -> User:
    """The user behind a right pair. Wrong pairs count against account and address together.

    Raises ``Unauthenticated`` in the same words, and after the same work, for known and unknown
    accounts; ``RateLimited`` once there were too many.
    """
    user = authenticate(request, username=User.objects.clean_email(email), password=password)
    if getattr(request, "axes_locked_out", False):
        raise RateLimited(
            "Too many wrong logins. Try again later.",
            retry_after=settings.AXES_COOLOFF_TIME.total_seconds(),
        )
    if not isinstance(user, User):
        raise Unauthenticated(WRONG)
    return user


def _choose(places: list[Membership], slug: str | None) -> Membership:
    if not places:
        raise Unauthenticated(WRONG)
    if slug is None and len(places) == 1:
        return places[0]
    for place in places:
        if place.tenant.slug == slug:
            return place
    raise Invalid(
        "Name the tenant to work in.", fields={"tenant": [place.tenant.slug for place in places]}
    )


def open_login(membership: Membership, request: HttpRequest) -> jwt.TokenPair:
    """A new login of an accepted member."""
    info = info_of(request)
    expires_at = timezone.now() + timedelta(days=settings.JWT_REFRESH_DAYS)
    with tenant_scope(membership.tenant_id), transaction.atomic():
        session = LoginSession.objects.create(
            tenant_id=membership.tenant_id, user_id=membership.user_id, expires_at=expires_at
        )
        auth = context_of(membership, ip=info.ip, request_id=info.request_id, session=session)
        audit.record(auth, "auth.login", session)
    return jwt.issue(session)


def log_in(request: HttpRequest, email: str, password: str, slug: str | None) -> jwt.TokenPair:
    """Raises as ``check_password``; ``Invalid`` with the choices where the tenant is not clear."""
    user = check_password(request, email, password)
    membership = _choose(memberships_of(user), slug)
    membership.user = user
    user_logged_in.send(sender=User, request=request, user=user)
    return open_login(membership, request)


def refresh_login(request: HttpRequest, raw: str) -> jwt.TokenPair:
    """A new pair for a login that still stands; ``raw`` is good no more.

    Raises ``Unauthenticated``. A token that was used before is in two hands, and nobody can tell
    which of them is the thief's: the login ends.
    """
    claims = jwt.verify(raw, "refresh")
    with platform_scope("authentication: the tenant follows from the refresh token"):
        session = live_session(claims.session_id, claims.user_id)
        place = active_membership(session.tenant_id, claims.user_id) if session else None
    if session is None or place is None:
        raise Unauthenticated()
    with tenant_scope(session.tenant_id):
        if not _rotate(session, claims.token_id):
            info = info_of(request)
            auth = context_of(place, ip=info.ip, request_id=info.request_id, session=session)
            _end_stolen(auth, session)
            raise Unauthenticated()
    return jwt.issue(session)


def _rotate(session: LoginSession, used: UUID) -> bool:
    """Let the token ``used`` be followed by another. False where it was used before; raises
    ``Unauthenticated`` where the login is gone.

    One conditional UPDATE decides which of two requests is the first. The other one, of a client
    that asked twice or did not hear the answer, gets the first one's token for a short while.
    """
    fresh, now = uuid4(), timezone.now()
    own: Any = LoginSession.objects.filter(pk=session.pk)
    if own.filter(Q(refresh_id=used) | Q(refresh_id__isnull=True)).update(
        refresh_id=fresh, spent_id=used, rotated_at=now
    ):
        session.refresh_id = fresh
        return True
    present = own.first()
    if present is None:  # it ended just now, and was swept
        raise Unauthenticated()
    session.refresh_id = present.refresh_id
    grace = timedelta(seconds=settings.MINIRAG_REFRESH_GRACE_SECONDS)
    return present.spent_id == used and now - (present.rotated_at or now) <= grace


@transaction.atomic
def _end_stolen(auth: AuthContext, session: LoginSession) -> None:
    LoginSession.objects.filter(pk=session.pk).update(revoked_at=timezone.now())
    detail = {"reason": "used before: the login was ended"}
    audit.record(auth, "auth.refresh", session, detail=detail, outcome="unauthenticated")


def sweep_logins() -> int:
    """Delete logins that ended or ran out; needs a platform scope. Returns how many."""
    over = Q(revoked_at__isnull=False) | Q(expires_at__lt=timezone.now())
    deleted, _ = LoginSession.objects.filter(over).delete()
    return int(deleted)


@transaction.atomic
def log_out(auth: AuthContext) -> None:
    """Ends the login behind a JWT: its access and refresh tokens are refused from now on."""
    if auth.session_id is not None:
        LoginSession.objects.filter(pk=auth.session_id).update(revoked_at=timezone.now())
    audit.record(auth, "auth.logout")


def end_logins(user_id: UUID, *, but: UUID | None = None) -> None:
    """End a user's logins in the open scope, except one."""
    rows: Any = LoginSession.objects.filter(user_id=user_id, revoked_at__isnull=True)
    rows.exclude(pk=but).update(revoked_at=timezone.now())


def account_of(address: str, password: str | None, name: str = "") -> tuple[User, bool]:
    """The account of an address, and whether it was made now. Of requests at once one makes it."""
    user = User.objects.filter(email=address).first()
    if user is not None:
        return user, False
    try:
        with transaction.atomic():
            return User.objects.create_user(address, password, name=name), True
    except IntegrityError:
        return User.objects.get(email=address), False


def valid_email(email: str) -> str:
    """``email`` as it is kept. Raises ``Invalid`` on ``email`` for what is no address."""
    address = User.objects.clean_email(email)
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid.field("email", "Must be an e-mail address.") from error
    return address


def valid_password(password: str, user: User, field: str) -> str:
    """Raises ``Invalid`` on ``field`` with what is missing."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise Invalid(fields={field: list(error.messages)}) from error
    return password


def change_password(request: HttpRequest, auth: AuthContext, old: str, new: str) -> User:
    """Sets the password and ends every other login of this person, in all tenants.

    Raises ``Forbidden`` for whatever is not the person itself, before ``old`` is looked at.
    """
    # A token carries its creator's id and, with scope admin, a role: that makes it no person.
    if auth.kind is not ActorKind.USER or auth.user_id is None:
        raise Forbidden("Only a person has a password.")
    email = User.objects.values_list("email", flat=True).get(pk=auth.user_id)
    try:
        user = check_password(request, email, old)
    except Unauthenticated as error:
        raise Invalid.field("old", "The present password is wrong.") from error
    valid_password(new, user, "new")
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        with platform_scope("a person's own logins, in all their tenants"):
            end_logins(user.pk, but=auth.session_id)
        audit.record(auth, "auth.password", user)
    return user
