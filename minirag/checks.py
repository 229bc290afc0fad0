"""System checks: settings that cannot work together are refused at start, by name."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from minirag.egress import parse_allow
from minirag.fields import master_keys
from minirag.formats import LONGEST_URL

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@register()
def check_encryption_keys(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    try:
        master_keys(settings.MINIRAG_ENCRYPTION_KEYS)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="minirag.E001")]
    return []


@register()
def check_egress(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    try:
        parse_allow(settings.MINIRAG_EGRESS_ALLOW)
    except (ImproperlyConfigured, ValueError) as error:
        return [Error(f"MINIRAG_EGRESS_ALLOW: {error}", id="minirag.E002")]
    return []


@register()
def check_shape(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Several processes need a database server and a vector store server."""
    problems: list[CheckMessage] = []
    if settings.REDIS_URL:
        if not settings.QDRANT_URL:
            problems.append(
                Error(
                    "REDIS_URL means several processes, and the embedded vector store serves one.",
                    hint="Set QDRANT_URL, or unset REDIS_URL.",
                    id="minirag.E003",
                )
            )
        if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
            problems.append(
                Error(
                    "REDIS_URL means several processes, and SQLite serves one.",
                    hint="Set DATABASE_URL to a PostgreSQL database, or unset REDIS_URL.",
                    id="minirag.E004",
                )
            )
    return problems


@register()
def check_qdrant_key(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    host = urlsplit(settings.QDRANT_URL).hostname if settings.QDRANT_URL else None
    if host and host not in _LOOPBACK and not settings.QDRANT_API_KEY:
        return [
            Error(
                "QDRANT_URL points to another host and QDRANT_API_KEY is empty: anybody who "
                "reaches it reads every tenant's vectors.",
                id="minirag.E005",
            )
        ]
    return []


@register()
def check_public_url(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    parts = urlsplit(settings.MINIRAG_PUBLIC_URL)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        return [
            Error(
                "MINIRAG_PUBLIC_URL must be http(s)://host[:port] and no more.", id="minirag.E006"
            )
        ]
    return []


@register()
def check_trusted_proxies(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    for text in settings.MINIRAG_TRUSTED_PROXIES:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            return [
                Error(
                    f"MINIRAG_TRUSTED_PROXIES: {text!r} is neither an address nor a network.",
                    id="minirag.E007",
                )
            ]
    return []


@register()
def check_url_length(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    if not 0 < settings.MINIRAG_MAX_URL_LENGTH <= LONGEST_URL:
        words = f"MINIRAG_MAX_URL_LENGTH must be 1 to {LONGEST_URL}: a row holds no more."
        return [Error(words, id="minirag.E008")]
    return []
