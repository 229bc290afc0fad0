"""What may be reached: one rule set for the check at creation and for the connection itself."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import httpx
from django.conf import settings

from minirag.egress.addresses import Address, is_public
from minirag.egress.allow import HOSTNAME, Allowance, Use, parse_allow
from minirag.errors import AddressRefused, Invalid

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))
_WEB_PORTS = frozenset(_DEFAULT_PORTS.values())

BAD_SCHEME = "Only http and https addresses may be used."
BAD_PORT = "Only the ports 80 and 443 may be used."
BAD_USERINFO = "The address must not hold a user name or password."


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules for one use."""

    use: Use
    allowances: tuple[Allowance, ...]

    def check(self, url: httpx.URL) -> None:
        """Everything that can be said without a lookup. Raises ``AddressRefused``."""
        if url.scheme not in _DEFAULT_PORTS:
            raise AddressRefused(BAD_SCHEME)
        if url.userinfo:
            raise AddressRefused(BAD_USERINFO)
        host, port = url.raw_host.decode("ascii"), effective_port(url)
        address = _literal(host)
        if address is not None:
            self.judge(host, port, [address])
        elif _is_loopback_name(host):
            self._judge_loopback(host, port)
        elif not self._port_may_pass(host, port):
            raise AddressRefused(BAD_PORT)

    def judge(self, host: str, port: int, addresses: Sequence[Address]) -> None:
        """Refuse unless *every* address that ``host`` has may be reached on ``port``."""
        if any(rule.opens_name(_plain(host), port) for rule in self.allowances):
            return
        for address in addresses:
            if any(rule.opens_address(address, port) for rule in self.allowances):
                continue
            if not is_public(address):
                raise AddressRefused
            if not self._port_is_open(port):
                raise AddressRefused(BAD_PORT)

    def _judge_loopback(self, host: str, port: int) -> None:
        """The name that needs no lookup: refused unless the operator opened it or its address."""
        opened = any(
            rule.opens_name(_plain(host), port)
            or any(rule.opens_address(address, port) for address in _LOOPBACK)
            for rule in self.allowances
        )
        if not opened:
            raise AddressRefused

    def _port_is_open(self, port: int) -> bool:
        return self.use != "source" or port in _WEB_PORTS

    def _port_may_pass(self, host: str, port: int) -> bool:
        """Before the lookup: a network of the operator's may still open an odd port."""
        return self._port_is_open(port) or any(
            rule.network is not None or rule.opens_name(_plain(host), port)
            for rule in self.allowances
        )


def guard_for(use: Use) -> Guard:
    """The rules of ``use`` as the settings say them now."""
    return _guard(use, tuple(settings.MINIRAG_EGRESS_ALLOW))


@lru_cache(maxsize=32)
def _guard(use: Use, entries: tuple[str, ...]) -> Guard:
    return Guard(use, tuple(rule for rule in parse_allow(entries) if rule.serves(use)))


def check_url(url: str, use: Use, *, field: str = "url") -> None:
    """Cheap check when a URL is stored: length, form, scheme, port, literal addresses; no lookup.

    Raises ``Invalid`` (naming ``field``) for what is no URL, ``AddressRefused`` for one that may
    not be reached. The connection is judged again when it is made.
    """
    guard_for(use).check(read_url(url, field=field))


def read_url(url: str, *, field: str = "url") -> httpx.URL:
    """Parse ``url`` with the very parser that connects later. Raises ``Invalid``."""
    if len(url) > settings.MINIRAG_MAX_URL_LENGTH:
        raise Invalid.field(field, f"At most {settings.MINIRAG_MAX_URL_LENGTH} characters.")
    if any(ch <= " " or ch in "\\\x7f" for ch in url):
        raise Invalid.field(field, "The address holds characters that an address cannot have.")
    try:
        parsed = httpx.URL(url)
        port_is_fine = parsed.port is None or 1 <= parsed.port <= 65535
        host = parsed.host  # read only now: "xn--" begins a name that cannot be one
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise Invalid.field(field, "This is not a valid address.") from error
    if not parsed.scheme:
        raise Invalid.field(field, "Enter a full address, such as https://example.com/page.")
    if parsed.scheme in _DEFAULT_PORTS and not (host and port_is_fine):
        raise Invalid.field(field, "This is not a valid address.")
    return parsed


def effective_port(url: httpx.URL) -> int:
    return url.port or _DEFAULT_PORTS[url.scheme]


def _literal(host: str) -> Address | None:
    """The address that ``host`` spells, or None for a name. Odd spellings are refused."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except OSError:
        if not HOSTNAME.fullmatch(host.lower()):
            raise AddressRefused from None
        return None
    # 2130706433, 0x7f.1, 0177.0.0.1: readers disagree on these, so nobody reads them.
    raise AddressRefused


def _is_loopback_name(host: str) -> bool:
    """RFC 6761: localhost and all below it are this machine."""
    return f".{_plain(host)}".endswith(".localhost")


def _plain(host: str) -> str:
    return host.lower().rstrip(".")
