"""Which IP addresses are public, after every IPv4 address hidden in an IPv6 one is unwrapped."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_V4_MASK = 0xFFFFFFFF
# The last 32 bits are an IPv4 address: compatible, mapped, translated (SIIT), NAT64 (RFC 6052).
_LOW_32 = tuple(
    IPv6Network(net) for net in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)

# ``is_global`` of Python 3.11 says True for these, and they lead inside or nowhere.
_REFUSED: tuple[Network, ...] = tuple(
    ip_network(net)
    for net in (
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.0/24",  # IETF protocol assignments, Oracle's metadata among them
        "192.88.99.0/24",  # 6to4 relays
        "64:ff9b:1::/48",  # NAT64 for local use (RFC 8215)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
# The only IPv6 space handed out for global unicast, and what DNS64 answers with.
_GLOBAL_V6 = (IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96"))


def embedded_ipv4(address: IPv6Address) -> list[IPv4Address]:
    """Every IPv4 address that ``address`` may lead to by a known embedding, most in none."""
    number = int(address)
    found = []
    if any(address in net for net in _LOW_32):
        found.append(number & _V4_MASK)
    if address in _SIX_TO_FOUR:
        found.append(number >> 80 & _V4_MASK)
    if address in _TEREDO:  # the server in clear, the client inverted
        found += [number >> 64 & _V4_MASK, ~number & _V4_MASK]
    if number >> 32 & _V4_MASK in _ISATAP_MARKS:
        found.append(number & _V4_MASK)
    if address in _LOCAL_NAT64:  # RFC 6052 section 2.2, for /48, /56, /64 and /96
        found += [
            (number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF,
            (number >> 64 & 0xFF) << 24 | number >> 32 & 0xFFFFFF,
            number >> 24 & _V4_MASK,
            number & _V4_MASK,
        ]
    return [IPv4Address(value) for value in found]


def is_public(address: Address) -> bool:
    """Whether ``address`` is globally routable unicast, and all that it embeds is too."""
    if any(address in net for net in _REFUSED if net.version == address.version):
        return False
    if not address.is_global or address.is_multicast or address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        return not address.is_reserved
    if address.scope_id is not None or not any(address in net for net in _GLOBAL_V6):
        return False
    return all(is_public(inner) for inner in embedded_ipv4(address))
