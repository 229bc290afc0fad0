"""The operator's list of non-public addresses, ``MINIRAG_EGRESS_ALLOW``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal, get_args

from django.core.exceptions import ImproperlyConfigured

from minirag.egress.addresses import Address, Network

Use = Literal["provider", "source", "webhook"]
USES: tuple[str, ...] = get_args(Use)

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry. Either ``host`` (a name) or ``network``; ``None`` as use or port means any.

    A name opens whatever it resolves to, on its port. A network opens its addresses.
    """

    use: str | None
    host: str | None
    network: Network | None
    port: int | None

    def serves(self, use: Use) -> bool:
        return self.use in (None, use)

    def opens_name(self, host: str, port: int) -> bool:
        return self.host is not None and self.host == host and self.port == port

    def opens_address(self, address: Address, port: int) -> bool:
        if self.network is None or self.network.version != address.version:
            return False
        return address in self.network and self.port in (None, port)


def parse_allow(entries: Sequence[str]) -> tuple[Allowance, ...]:
    """Read ``[use:]host:port`` or ``[use:]CIDR`` entries.

    IPv6 literals with a port stand in brackets. Raises ``ImproperlyConfigured`` naming the setting
    and the entry; nothing is guessed.
    """
    return tuple(_parse(entry.strip()) for entry in entries if entry.strip())


def _parse(entry: str) -> Allowance:
    head, colon, rest = entry.partition(":")
    use = head if colon and head in USES else None
    target = rest if use else entry
    if "/" in target:
        return Allowance(use, None, _network(entry, target), None)
    host, colon, port_text = target.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port_text):
        raise _bad(entry, "expected [use:]host:port or [use:]CIDR")
    port = int(port_text)
    if not 1 <= port <= 65535:
        raise _bad(entry, "the port is out of range")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        address = None
    if address is not None and (address.version == 6) == bracketed:
        return Allowance(use, None, ip_network(address), port)
    name = host.lower().rstrip(".")
    if address is not None or not HOSTNAME.fullmatch(name) or name.replace(".", "").isdigit():
        raise _bad(entry, "the host is neither a name nor an address")
    return Allowance(use, name, None, port)


def _network(entry: str, target: str) -> Network:
    try:
        return ip_network(target)
    except ValueError as error:
        raise _bad(entry, "the CIDR is not valid (host bits must be zero)") from error


def _bad(entry: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"MINIRAG_EGRESS_ALLOW: {entry!r}: {why}.")
