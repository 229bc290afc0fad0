"""Access and refresh tokens of people: HS256, bound to a ``LoginSession`` row by ``sid``.

Rights are not in the token: they are read from the membership at each request.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import jwt
from django.conf import settings
from django.utils import timezone

from minirag.errors import Unauthenticated
from tenants.keys import derived_key
from tenants.models import LoginSession

Kind = Literal["access", "refresh"]
_ISSUER = "minirag"
_REQUIRED = ["exp", "iat", "iss", "sub", "sid", "jti", "typ"]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Both tokens of one login. Its repr shows neither."""

    access: str
    refresh: str

    def __repr__(self) -> str:
        return "TokenPair(…)"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    user_id: UUID
    session_id: UUID
    token_id: UUID


def _encode(kind: Kind, session: LoginSession, token_id: UUID, expires_at: datetime) -> str:
    claims: dict[str, Any] = {
        "iss": _ISSUER,
        "typ": kind,
        "sub": str(session.user_id),
        "sid": str(session.pk),
        "jti": token_id.hex,
        "iat": timezone.now(),
        "exp": expires_at,
    }
    return jwt.encode(claims, derived_key(f"jwt-{kind}"), algorithm="HS256")


def issue(session: LoginSession) -> TokenPair:
    """A fresh access token, and the login's refresh token, which ends with it."""
    soon = timezone.now() + timedelta(minutes=settings.JWT_ACCESS_MINUTES)
    return TokenPair(
        _encode("access", session, uuid.uuid4(), min(soon, session.expires_at)),
        _encode("refresh", session, session.refresh_id or uuid.uuid4(), session.expires_at),
    )


def verify(raw: str, kind: Kind) -> Claims:
    """Signature, times and kind. Raises ``Unauthenticated``; the session row is the caller's."""
    try:
        claims = jwt.decode(
            raw,
            derived_key(f"jwt-{kind}"),
            algorithms=["HS256"],
            issuer=_ISSUER,
            options={"require": _REQUIRED},
        )
        if claims["typ"] != kind:
            raise Unauthenticated()
        return Claims(UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["jti"]))
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unauthenticated() from error
