"""Only globally routable addresses, after unwrapping every IPv4 address inside an IPv6 one."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirag.egress import embedded_ipv4, is_public

INTERNAL = (
    "0.0.0.0", "10.0.0.5", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.8", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808", "2001:0:7f00:1::",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2600:1f18::5efe:10.0.0.5", "2600:1f18::200:5efe:7f00:1",
    "2001:db8::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "2606:4700::1111%1", "fec0::1", "ff02::1", "100::1", "4000::1",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1",
    "64:ff9b::808:808",
)  # fmt: skip


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_and_odd_addresses_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_let_through(address: str) -> None:
    assert is_public(ip_address(address))


def embeddings(inner: int) -> list[int]:
    """IPv6 addresses that lead to ``inner`` by a known embedding."""
    return [
        inner,
        0xFFFF << 32 | inner,
        0xFFFF << 48 | inner,
        0x64FF9B << 96 | inner,
        0x64FF9B0001 << 80 | inner,
        0x2002 << 112 | inner << 80,
        0x20010000 << 96 | inner << 64 | (~0x08080808 & 0xFFFFFFFF),
        0x20010000 << 96 | 0x08080808 << 64 | (~inner & 0xFFFFFFFF),
        0x26001F18 << 96 | 0x00005EFE << 32 | inner,
        0x26001F18 << 96 | 0x02005EFE << 32 | inner,
    ]


ipv4 = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from([int(IPv4Address(a)) for a in INTERNAL if ":" not in a]),
    st.integers(0x7F000000, 0x7FFFFFFF),
    st.integers(0xA9FE0000, 0xA9FEFFFF),
)


@settings(max_examples=400, deadline=None)
@given(ipv4)
def test_no_embedding_hides_an_internal_address(inner: int) -> None:
    for number in embeddings(inner):
        outer = IPv6Address(number)
        assert IPv4Address(inner) in embedded_ipv4(outer), outer
        if not is_public(IPv4Address(inner)):
            assert not is_public(outer), outer


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**128 - 1))
def test_what_passes_is_global_unicast_by_every_reading(number: int) -> None:
    address = IPv6Address(number)
    if is_public(address):
        assert address.is_global
        assert not (address.is_private or address.is_multicast or address.is_link_local)
        assert all(is_public(inner) for inner in embedded_ipv4(address))
