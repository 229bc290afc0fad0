"""Who may embed a bot, and how much its visitors may ask per day."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.http.request import validate_host
from django.utils import timezone

from bots.models import BotProfile
from chat.models import DailyWidgetCount
from minirag.errors import NotFound, OriginRefused, QuotaExceeded

# A small daily limit is not cut into shares: one visitor of a quiet site may have it all.
_LEAST_SHARE = 5
_DEFAULT_PORTS = {"http": 80, "https": 443}


def normal_origin(origin: str) -> str | None:
    """``scheme://host[:port]`` in one spelling, or None for what is no web origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def own_origins(host: str, *, secure: bool) -> frozenset[str]:
    """The server's own origins: its public address, and the (checked) host it was called by."""
    called = normal_origin(f"{'https' if secure else 'http'}://{host}")
    public = normal_origin(settings.MINIRAG_PUBLIC_URL)
    return frozenset(origin for origin in (called, public) if origin)


def allowed_origins(bot: BotProfile) -> frozenset[str]:
    """The sites that may embed the bot, beside the server's own pages."""
    listed = (normal_origin(str(origin)) for origin in bot.widget_allowed_origins or [])
    return frozenset(origin for origin in listed if origin)


def check_origin(bot: BotProfile, origin: str, own: frozenset[str]) -> str:
    """The origin in its one spelling. Raises ``OriginRefused``; exact scheme, host and port."""
    normal = normal_origin(origin)
    if normal is None or (normal not in own and normal not in allowed_origins(bot)):
        raise OriginRefused
    return normal


def require_open_widget(bot: BotProfile, origin: str) -> None:
    """A session's bot may have been closed, or its origin taken off, since it was issued.

    Raises ``NotFound`` or ``OriginRefused``.
    """
    if not bot.widget_enabled or not bot.is_active:
        raise NotFound
    public = normal_origin(settings.MINIRAG_PUBLIC_URL)
    if origin == public or origin in allowed_origins(bot):
        return
    host = urlsplit(origin).hostname or ""
    if not validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS):
        raise OriginRefused


def count_widget_message(bot: BotProfile, visitor_id: UUID, ip: str | None) -> None:
    """Count one message against the bot's day (UTC). Raises ``QuotaExceeded``.

    Shares inside the limit keep one visitor, or one address, from spending it all. Inside the
    caller's transaction: a refused message leaves no count.
    """
    limit = bot.widget_daily_message_limit
    buckets = [
        ("", limit),
        (f"v:{visitor_id}", _share(limit, settings.MINIRAG_WIDGET_VISITOR_SHARE)),
    ]
    if ip:
        buckets.append((f"a:{_network(ip)}", _share(limit, settings.MINIRAG_WIDGET_ADDRESS_SHARE)))
    today = timezone.now().date()
    for bucket, most in buckets:
        DailyWidgetCount.objects.get_or_create(bot=bot, day=today, bucket=bucket)
        row = DailyWidgetCount.objects.filter(bot=bot, day=today, bucket=bucket, count__lt=most)
        if not row.update(count=F("count") + 1):
            raise QuotaExceeded(
                "This assistant's messages for today are used up.", retry_after=_until_midnight()
            )


def _share(limit: int, share: float) -> int:
    return min(limit, max(math.ceil(limit * share), _LEAST_SHARE))


def _network(ip: str) -> str:
    """An address as it is counted: IPv6 users own whole /64 networks. Hashed: it is kept a day."""
    address = ipaddress.ip_address(ip)
    text = ip if address.version == 4 else str(ipaddress.ip_network(f"{ip}/64", strict=False))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _until_midnight() -> float:
    now: datetime = timezone.now()
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
