"""What is known about a request before anybody is authenticated: its id and where it comes from."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """``ip`` is the client's own address as far as trusted proxies tell it, or None."""

    request_id: str
    ip: str | None


# For log lines and for code that has no request at hand.
current_info: ContextVar[RequestInfo | None] = ContextVar("minirag_request", default=None)


def new_request_id() -> str:
    return secrets.token_hex(16)


def info_of(request: Any) -> RequestInfo:
    """The info that ``RequestContextMiddleware`` put on a Django or DRF request."""
    inner = getattr(request, "_request", request)
    found = getattr(inner, "minirag_info", None)
    return found if isinstance(found, RequestInfo) else RequestInfo(new_request_id(), None)


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in proxies)
    except ValueError as error:
        raise ImproperlyConfigured(
            "MINIRAG_TRUSTED_PROXIES takes addresses and networks only."
        ) from error


def trusted_networks() -> tuple[Network, ...]:
    """The proxies whose forwarded headers count. Raises ``ImproperlyConfigured``."""
    return _networks(tuple(settings.MINIRAG_TRUSTED_PROXIES))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip()
    if text.startswith("["):  # "[2001:db8::1]:443"
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # "192.0.2.1:443"
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def is_trusted(peer: str) -> bool:
    """Whether ``peer`` (the address of the connection itself) is one of our proxies."""
    address = _address(peer)
    return address is not None and any(
        address in network for network in trusted_networks() if network.version == address.version
    )


def client_address(peer: str, forwarded_for: str) -> str | None:
    """The client's address: the right-most hop that is not one of our own proxies.

    Whatever stands left of it was written by the client and counts for nothing.
    """
    hops: Iterable[str] = [peer]
    if is_trusted(peer):
        hops = [peer, *reversed(forwarded_for.split(",")[-20:])]
    address = None
    for hop in hops:
        parsed = _address(hop)
        if parsed is None:
            break
        address = str(parsed)
        if not is_trusted(hop):
            break
    return address


def accepted_request_id(peer: str, inbound: str) -> str:
    """A trusted proxy's own request id where it is a sane one, else a new one."""
    if inbound and is_trusted(peer) and _SANE_ID.fullmatch(inbound):
        return inbound
    return new_request_id()
