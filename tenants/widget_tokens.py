"""Widget sessions: a signed statement that one visitor may chat with one bot for 30 minutes.

Nothing is stored: the chat edge checks at each use that the bot still lives and allows the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from django.utils import timezone

from minirag.errors import Unauthenticated
from tenants.keys import derived_key

PREFIX = "mragw_"
LIFETIME = timedelta(minutes=30)
_PURPOSE = "widget-session"


@dataclass(frozen=True, slots=True)
class WidgetClaims:
    """What a verified widget token says. ``origin`` is the page's, checked at issue."""

    tenant_id: UUID
    bot_profile_id: UUID
    visitor_id: UUID
    origin: str
    expires_at: datetime


def issue(bot_id: UUID, tenant_id: UUID, visitor_id: UUID, origin: str) -> tuple[str, datetime]:
    """A token and when it ends. The caller has checked bot and origin."""
    expires_at = (timezone.now() + LIFETIME).replace(microsecond=0)
    claims = {
        "bot": str(bot_id),
        "tid": str(tenant_id),
        "vis": str(visitor_id),
        "org": origin,
        "exp": expires_at,
    }
    return PREFIX + jwt.encode(claims, derived_key(_PURPOSE), algorithm="HS256"), expires_at


def page_of(raw: str) -> str | None:
    """Origin of the page that a session was given to, also when it has ended; None if it is none.

    An ended session opens nothing: this only tells who may read that it has ended.
    """
    if not raw.startswith(PREFIX):
        return None
    try:
        return _read(raw, ended=True).origin
    except Unauthenticated:
        return None


def verify(raw: str) -> WidgetClaims:
    """Raises ``Unauthenticated``."""
    return _read(raw, ended=False)


def _read(raw: str, *, ended: bool) -> WidgetClaims:
    try:
        claims = jwt.decode(
            raw.removeprefix(PREFIX),
            derived_key(_PURPOSE),
            algorithms=["HS256"],
            options={"require": ["exp", "bot", "tid", "vis", "org"], "verify_exp": not ended},
        )
        return WidgetClaims(
            UUID(claims["tid"]),
            UUID(claims["bot"]),
            UUID(claims["vis"]),
            str(claims["org"]),
            datetime.fromtimestamp(int(claims["exp"]), UTC),
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unauthenticated() from error
