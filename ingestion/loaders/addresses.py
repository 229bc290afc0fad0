"""Addresses of pages: one spelling for each, whether two are of one site, and path patterns."""

from __future__ import annotations

from collections.abc import Sequence
from mimetypes import MimeTypes
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

from minirag.formats import is_media

# A document's key holds no more.
MAX_KEY = 1000
_SCHEMES = {"http": 80, "https": 443}
# The machine's own tables differ from place to place: Python's are used.
_TYPES = MimeTypes()
# Parameters that say how a visitor came, never what the page holds.
_TRACKING = frozenset(
    {
        "_ga", "_gl", "_hsenc", "_hsmi", "dclid", "fbclid", "gbraid", "gclid", "gclsrc", "igshid",
        "jsessionid", "mc_cid", "mc_eid", "msclkid", "phpsessid", "ttclid", "twclid", "wbraid",
        "yclid",
    }
)  # fmt: skip


def canonical(url: str) -> str:
    """The one spelling of ``url``: no fragment, default port or tracking, parameters in order.

    Raises ``ValueError`` for what is no web address, or too long to be a key.
    """
    parts = urlsplit(canonicalize_url(url.strip()))
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError("no web address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.port is not None and parts.port != _SCHEMES[parts.scheme]:
        host = f"{host}:{parts.port}"
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a user name")
    pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=200)
    kept = [(name, value) for name, value in pairs if not _is_tracking(name)]
    # Untouched where nothing is taken out: w3lib has spelled it already.
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    whole = urlunsplit((parts.scheme, host, parts.path or "/", query, ""))
    if len(whole) > MAX_KEY:
        raise ValueError("too long")
    return whole


def names_media(url: str) -> bool:
    """Whether ``url`` by its ending leads to a picture or the like, which a page only shows."""
    mime_type, _ = _TYPES.guess_type(urlsplit(url).path)
    return mime_type is not None and is_media(mime_type)


def canonical_or_none(url: str) -> str | None:
    """As ``canonical``, for addresses that strangers wrote."""
    try:
        return canonical(url)
    except (ValueError, UnicodeError):
        return None


def _is_tracking(name: str) -> bool:
    lower = name.lower()
    return lower.startswith("utm_") or lower in _TRACKING


def site_of(url: str) -> tuple[str, int]:
    """What two pages of one site have in common: the host without ``www.``, and an odd port.

    Raises ``ValueError`` for what is no address.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    port = parts.port or 0
    return host, 0 if port in _SCHEMES.values() else port


def origin_of(url: str) -> str:
    """Scheme, host and port as they stand in ``url``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def path_of(url: str) -> str:
    """What patterns are compared with: the path, and the query where there is one."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def matches(pattern: str, path: str) -> bool:
    """Whether a glob covers the whole ``path``. ``*`` is any run of characters, all else itself.

    No regular expressions: a tenant's pattern must not be able to take for ever.
    """
    first, *others = pattern.split("*")
    if not others:
        return path == first
    if not path.startswith(first):
        return False
    last = others.pop()
    at, end = len(first), len(path) - len(last)
    for piece in others:
        found = path.find(piece, at, max(end, at))
        if found < 0:
            return False
        at = found + len(piece)
    return at <= end and path.endswith(last)


def lets_through(include: Sequence[str], exclude: Sequence[str], url: str) -> bool:
    """Whether ``url`` is one that the patterns want; no ``include`` wants all."""
    path = path_of(url)
    if any(matches(pattern, path) for pattern in exclude):
        return False
    return not include or any(matches(pattern, path) for pattern in include)
