"""The table from what a provider did to the codes of the contract. Messages are all our own."""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from minirag.errors import (
    AnswerLost,
    MiniRAGError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)

# A provider may ask for any wait; nobody waits longer than this (seconds).
LONGEST_RETRY_AFTER = 3600.0

# Failures before a request was on its way.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
CUT = "The model provider's answer broke off."
UNREADABLE = "The model provider's answer could not be read."
TIMED_OUT = "The model provider did not answer in time."
UNREACHABLE = "The model provider could not be reached."
TOO_LONG = "The model provider's answer was too long."
REDIRECTED = "The model provider's address leads elsewhere; set api_base to the final address."
NOT_CALLABLE = "This model cannot be called with the bot's settings; check model and credentials."


def of_status(status: int, retry_after: str | None = None) -> MiniRAGError | None:
    """The failure an HTTP status stands for, or None for a success."""
    if 200 <= status < 300:
        return None
    if status in (401, 403):
        return ProviderMisconfigured(f"The model provider refused the credentials ({status}).")
    if status in (408, 429) or status >= 500:
        wait = read_retry_after(retry_after)
        busy = "is overloaded or its limit is reached" if status == 429 else "failed"
        return ProviderUnavailable(f"The model provider {busy} ({status}).", retry_after=wait)
    if 300 <= status < 400:
        return ProviderMisconfigured(REDIRECTED)
    if status >= 400:
        return ProviderRejected(f"The model provider rejected the request ({status}).")
    return ProviderUnavailable(UNREADABLE)


def of_transport(error: Exception) -> MiniRAGError:
    """The failure behind an exception of our HTTP client."""
    if isinstance(error, MiniRAGError):
        return error
    if isinstance(error, _NEVER_SENT):
        late = isinstance(error, httpx.TimeoutException)
        return ProviderUnavailable(TIMED_OUT if late else UNREACHABLE)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return AnswerLost(TIMED_OUT)
    if isinstance(error, httpx.DecodingError):
        return AnswerLost(UNREADABLE)
    return AnswerLost(CUT)


def of_vendor(error: Exception) -> MiniRAGError:
    """For a provider outside our wire: litellm's status decides, never its class."""
    if isinstance(error, MiniRAGError):
        return error
    status = getattr(error, "status_code", None)
    known = of_status(status) if isinstance(status, int) else None
    return known or of_transport(error)


def read_retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, at most ``LONGEST_RETRY_AFTER``; None if unreadable."""
    if value is None:
        return None
    try:
        if value.strip().isascii() and value.strip().isdigit():
            seconds = float(value)
        else:
            seconds = parsedate_to_datetime(value).replace(tzinfo=UTC).timestamp() - time.time()
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
