"""From a raw credential to the acting ``AuthContext``, and whether one still stands.

Nothing is cached: revocation, suspension and demotion act at the next request.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from minirag.errors import Unauthenticated
from tenants import jwt, tokens, widget_tokens
from tenants.context import ActorKind, AuthContext, WidgetVisitor, expand_scopes, role_scopes
from tenants.models import ApiToken, LoginSession, Membership, Role, Tenant, TokenScope
from tenants.scope import platform_scope

_LAST_USED_STEP = timedelta(minutes=1)
_MAX_LENGTH = 2048


def authenticate_token(raw: str, *, ip: str | None = None, request_id: str = "") -> AuthContext:
    """Who a Bearer credential of any kind is. Raises ``Unauthenticated``, always in the same words.

    The tenant is not known before, so the look-up is one of the few outside a tenant's scope.
    """
    if len(raw) > _MAX_LENGTH or not raw.isascii():
        raise Unauthenticated()
    with platform_scope("authentication: the tenant follows from the credential"):
        if raw.startswith(tokens.PREFIX):
            return _api_token(raw, ip, request_id)
        if raw.startswith(widget_tokens.PREFIX):
            return _widget(raw, ip, request_id)
        if raw.count(".") == 2:
            return _access_token(raw, ip, request_id)
    raise Unauthenticated()


def _live_tokens() -> Q:
    return Q(revoked_at__isnull=True, tenant__suspended_at__isnull=True) & (
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    )


def _find_token(**by: object) -> ApiToken | None:
    creator = Membership.objects.filter(
        tenant=OuterRef("tenant"),
        user=OuterRef("created_by"),
        user__is_active=True,
        accepted_at__isnull=False,
    )
    found: ApiToken | None = (
        ApiToken.objects.filter(_live_tokens(), **by)
        .annotate(creator_role=Subquery(creator.values("role")[:1]))
        .first()
    )
    return found


def _token_scopes(token: ApiToken) -> frozenset[TokenScope]:
    """What the token says, never more than its creator holds now; none once the creator left."""
    granted = expand_scopes(token.scopes)
    if token.created_by_id is None:
        return granted
    role = getattr(token, "creator_role", None)
    return granted & role_scopes(role) if role else frozenset()


def _api_token(raw: str, ip: str | None, request_id: str) -> AuthContext:
    if not tokens.well_formed(raw):
        raise Unauthenticated()
    digest = tokens.digest(raw)
    token = _find_token(digest=digest)
    if token is None or not hmac.compare_digest(token.digest, digest):
        raise Unauthenticated()
    scopes = _token_scopes(token)
    if not scopes:
        raise Unauthenticated()
    _note_use(token)
    return AuthContext(
        tenant_id=token.tenant_id,
        kind=ActorKind.TOKEN,
        actor_id=str(token.pk),
        actor=token.name,
        scopes=scopes,
        # A token never acts as an owner: owners are people.
        role=Role.ADMIN if TokenScope.ADMIN in scopes else None,
        user_id=token.created_by_id,
        ip=ip,
        request_id=request_id,
        expires_at=token.expires_at,
    )


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - _LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def active_membership(tenant_id: UUID, user_id: UUID) -> Membership | None:
    """A user's accepted place in a live tenant."""
    found: Membership | None = (
        Membership.objects.filter(
            tenant_id=tenant_id,
            user_id=user_id,
            accepted_at__isnull=False,
            user__is_active=True,
            tenant__suspended_at__isnull=True,
        )
        .select_related("user", "tenant")
        .first()
    )
    return found


def context_of(
    membership: Membership,
    *,
    ip: str | None = None,
    request_id: str = "",
    session: LoginSession | None = None,
) -> AuthContext:
    """A person acting in the membership's tenant."""
    return AuthContext(
        tenant_id=membership.tenant_id,
        kind=ActorKind.USER,
        actor_id=str(membership.user_id),
        actor=membership.user.email,
        scopes=role_scopes(membership.role),
        role=Role(membership.role),
        user_id=membership.user_id,
        ip=ip,
        request_id=request_id,
        session_id=session.pk if session else None,
        expires_at=session.expires_at if session else None,
    )


def live_session(session_id: UUID, user_id: UUID) -> LoginSession | None:
    """A login that was neither ended nor ran out."""
    found: LoginSession | None = LoginSession.objects.filter(
        pk=session_id, user_id=user_id, revoked_at__isnull=True, expires_at__gt=timezone.now()
    ).first()
    return found


def _access_token(raw: str, ip: str | None, request_id: str) -> AuthContext:
    claims = jwt.verify(raw, "access")
    session = live_session(claims.session_id, claims.user_id)
    membership = active_membership(session.tenant_id, claims.user_id) if session else None
    if membership is None:
        raise Unauthenticated()
    return context_of(membership, ip=ip, request_id=request_id, session=session)


def _tenant_is_live(tenant_id: UUID) -> bool:
    return bool(Tenant.objects.filter(pk=tenant_id, suspended_at__isnull=True).exists())


def _widget(raw: str, ip: str | None, request_id: str) -> AuthContext:
    claims = widget_tokens.verify(raw)
    if not _tenant_is_live(claims.tenant_id):
        raise Unauthenticated()
    visitor = WidgetVisitor(claims.bot_profile_id, claims.visitor_id, claims.origin)
    return AuthContext(
        tenant_id=claims.tenant_id,
        kind=ActorKind.WIDGET,
        actor_id=str(claims.visitor_id),
        actor="widget visitor",
        scopes=frozenset({TokenScope.CHAT}),
        widget=visitor,
        ip=ip,
        request_id=request_id,
        expires_at=claims.expires_at,
    )


def still_valid(auth: AuthContext) -> bool:
    """Whether a long-lived connection's credential still gives all that it gave at the start."""
    if auth.kind is ActorKind.SYSTEM:
        return True
    if auth.expires_at is not None and auth.expires_at <= timezone.now():
        return False
    with platform_scope("authentication: re-check of a long-lived connection"):
        return auth.scopes <= _present_scopes(auth)


def _present_scopes(auth: AuthContext) -> frozenset[TokenScope]:
    nothing: frozenset[TokenScope] = frozenset()
    if auth.kind is ActorKind.WIDGET:
        return auth.scopes if _tenant_is_live(auth.tenant_id) else nothing
    if auth.kind is ActorKind.TOKEN:
        token = _find_token(pk=auth.actor_id)
        return _token_scopes(token) if token else nothing
    if auth.user_id is None:
        return nothing
    if auth.session_id is not None and live_session(auth.session_id, auth.user_id) is None:
        return nothing
    membership = active_membership(auth.tenant_id, auth.user_id)
    return role_scopes(membership.role) if membership else nothing
