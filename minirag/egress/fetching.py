"""One page by GET, with its redirects, within a size and a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from minirag.egress.allow import Use
from minirag.egress.backends import Clock
from minirag.egress.clients import client
from minirag.egress.guard import effective_port, guard_for, read_url
from minirag.egress.inflate import ResponseTooLarge
from minirag.errors import AddressRefused, Invalid, UnreadableSource

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What may follow a redirect to another origin; credentials never do.
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
# Status of a redirect that the caller did not want followed.
NOT_FOLLOWED = 302

# One sentence for refused, closed, filtered and hanging alike: it must not map anyone's network.
UNREACHABLE = "The page could not be reached."


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. ``url`` is the last hop's; header names are lower case."""

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    mime_type: str


def fetch(
    url: str,
    *,
    use: Use = "source",
    max_bytes: int,
    deadline: float,
    headers: Mapping[str, str] | None = None,
    max_redirects: int = 5,
    follow: Callable[[str], bool] | None = None,
) -> Fetched:
    """GET ``url``; any status but a redirect is returned as it came.

    A redirect that ``follow`` says no to is not followed: its target is returned with
    ``NOT_FOLLOWED`` as the status. ``max_bytes`` counts the inflated body; ``deadline`` (seconds)
    holds for the whole transfer, redirects included. Raises ``Invalid`` (no URL),
    ``AddressRefused`` (at any hop), or ``UnreadableSource`` (unreachable, too slow, too large,
    too many redirects).
    """
    here, sent = read_url(url), dict(headers or {})
    clock = Clock(deadline)
    for _ in range(max_redirects + 1):
        answer = _hop(here, use, sent, max_bytes, clock)
        if isinstance(answer, Fetched):
            return answer
        if follow is not None and not follow(str(answer)):
            return Fetched(str(answer), NOT_FOLLOWED, {}, b"", "")
        if not _same_origin(here, answer):
            sent = {name: value for name, value in sent.items() if name.lower() in _HARMLESS}
        here = answer
    raise UnreadableSource("The page redirects too often.")


def _hop(
    url: httpx.URL, use: Use, headers: Mapping[str, str], max_bytes: int, clock: Clock
) -> Fetched | httpx.URL:
    """One request: its answer, or where it leads."""
    try:
        left = clock.clip(None, httpx.ReadTimeout)
        with (
            client(use, timeout=httpx.Timeout(left), deadline=left, max_bytes=max_bytes) as http,
            http.stream("GET", url, headers=headers) as response,
        ):
            location = response.headers.get("location")
            if response.status_code in _REDIRECTS and location:
                return _target(url, location, use)
            return _fetched(url, response, b"".join(response.iter_raw()))
    except ResponseTooLarge as error:
        raise UnreadableSource(f"The page is larger than {max_bytes:,} bytes.") from error
    except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
        raise UnreadableSource(UNREACHABLE) from error


def _target(url: httpx.URL, location: str, use: Use) -> httpx.URL:
    try:
        target = read_url(str(url.join(location))).copy_with(fragment=None)
    except (Invalid, httpx.InvalidURL, ValueError) as error:
        raise AddressRefused("The page redirects to an address that is not valid.") from error
    guard_for(use).check(target)
    return target


def _fetched(url: httpx.URL, response: httpx.Response, content: bytes) -> Fetched:
    headers = {name.lower(): value for name, value in response.headers.items()}
    mime_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(str(url), response.status_code, headers, content, mime_type)


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.raw_host, effective_port(one)) == (
        other.scheme,
        other.raw_host,
        effective_port(other),
    )
