"""When a source is read again by itself."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from minirag.errors import Invalid
from sources.models import WEB_TYPES, Refresh

_EVERY = {
    Refresh.HOURLY: timedelta(hours=1),
    Refresh.DAILY: timedelta(days=1),
    Refresh.WEEKLY: timedelta(weeks=1),
}
# Share of the interval by which a time is moved, so that sources made together part ways.
_JITTER = 0.1


def clean_refresh(source_type: str, value: Any) -> str:
    """How often a source is read again. Raises ``Invalid`` where there is nothing to fetch."""
    if value not in Refresh.values:
        raise Invalid.field("refresh", f"One of {', '.join(Refresh.values)}.")
    if value != Refresh.OFF and source_type not in WEB_TYPES:
        raise Invalid.field("refresh", f"Nothing is fetched for a source of type {source_type}.")
    return str(value)


def next_refresh(refresh: str, now: datetime) -> datetime | None:
    """One interval after ``now``, give or take a tenth; None for ``off``."""
    if refresh == Refresh.OFF:
        return None
    every = _EVERY[Refresh(refresh)]
    return now + every * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
