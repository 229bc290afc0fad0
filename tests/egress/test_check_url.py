"""What can be seen at creation: form, scheme, port, user names, literal addresses; no lookup."""

from __future__ import annotations

import socket
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirag.egress import check_url
from minirag.errors import AddressRefused, Invalid

REFUSED = (
    "http://127.0.0.1/", "http://127.0.0.1:80/x", "http://2130706433/", "http://0x7f000001/",
    "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://0/", "http://017700000001/",
    "http://[::]/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[fe80::1%25eth0]/", "http://[fd00:ec2::254]/", "http://169.254.169.254/latest/",
    "http://168.63.129.16/", "http://192.0.0.8/", "http://192.88.99.1/", "http://100.100.100.200/",
    "http://127。0。0。1/", "http://１２７.0.0.1/", "http://①②⑦.0.0.1/", "http://8.8.8.8:22/",
    "http://example.com:8080/", "http://example.com:6379/", "file:///etc/passwd",
    "gopher://example.com/", "ftp://example.com/", "dict://example.com:11211/", "data:text/html,hi",
    "jar:http://example.com!/", "ldap://example.com/", "http://user@example.com/",
    "http://user:pass@example.com/", "http://example.com@127.0.0.1/", "http://134744072/",
    "javascript:alert(1)", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/",
    "http://a..b/", f"http://{'a' * 64}.example/", f"http://{'a' * 300}/", "http://a.xn--.example/",
)  # fmt: skip
INVALID = (
    "", "example.com", "/page", "http://", "http:///page", "https://[::1", "http://exa mple.com/",
    "http://example.com\\@127.0.0.1/", "http://example.com\t.evil/", "http://127.0.0.1\r\n.x/",
    "http://example.com:99999/", "http://example.com:-1/", "http://[1:2:3]/", "http://a..b/%",
    "http://xn--/", "http://xn--a/", "http://xn--zzzzzzzzzzzzzz.example/", "http://xn--0.example/",
    "http://[::1", "http://[]/", "http://ex ample.com",
    "https://example.com/" + "a" * 3000,
)  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_what_may_not_be_reached_is_refused(url: str) -> None:
    # Some of these are no address at all to one parser and an internal one to another.
    with pytest.raises((AddressRefused, Invalid)):
        check_url(url, "source")


@pytest.mark.parametrize("url", INVALID)
def test_what_is_no_address_names_the_field(url: str) -> None:
    if url == "http://a..b/%":
        with pytest.raises((AddressRefused, Invalid)):
            check_url(url, "source", field="link")
        return
    with pytest.raises(Invalid) as caught:
        check_url(url, "source", field="link")
    assert caught.value.fields is not None and list(caught.value.fields) == ["link"]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a?b=c#d", "http://example.com:80/", "https://EXAMPLE.com:443/",
        "https://bücher.example/", "http://8.8.8.8/", "https://[2606:4700:4700::1111]/",
        "https://example.com/a|b?q={x}", "https://a_b.example.com/",
        f"https://{'a' * 63}.example./", "https://xn--bcher-kva.example/",
    ],
)  # fmt: skip
def test_public_pages_pass_without_a_lookup(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_lookup(*_: object, **__: object) -> None:
        raise AssertionError("a lookup was made")

    monkeypatch.setattr(socket, "getaddrinfo", no_lookup)
    check_url(url, "source")


def test_providers_may_use_any_port_of_a_public_host() -> None:
    check_url("https://llm.example.com:8443/v1", "provider")
    with pytest.raises(AddressRefused):
        check_url("http://127.0.0.1:11434/v1", "provider")


def _dotted(n: int) -> str:
    return socket.inet_ntoa(n.to_bytes(4, "big"))


FORMS: tuple[Callable[[int], str], ...] = (
    _dotted,
    str,
    hex,
    lambda n: f"0{n:o}",
    lambda n: ".".join(f"0{part:o}" for part in n.to_bytes(4, "big")),
    lambda n: ".".join(hex(part) for part in n.to_bytes(4, "big")),
    lambda n: f"{n >> 24}.{n & 0xFFFFFF}",
    lambda n: f"{n >> 24}.{n >> 16 & 255}.{n & 0xFFFF}",
    lambda n: f"[::ffff:{_dotted(n)}]",
    lambda n: f"[::{_dotted(n)}]",
    lambda n: f"[64:ff9b::{_dotted(n)}]",
    lambda n: f"[64:ff9b:1::{_dotted(n)}]",
    lambda n: f"[2002:{n >> 16:x}:{n & 0xFFFF:x}::1]",
    lambda n: f"[2001:0:{n >> 16:x}:{n & 0xFFFF:x}::1]",
    lambda n: f"[2600:1f18::5efe:{_dotted(n)}]",
    lambda n: _dotted(n).replace(".", "。"),
    lambda n: _dotted(n).replace(".", "．"),
    lambda n: _dotted(n).translate(str.maketrans("0123456789", "０１２３４５６７８９")),
)
internal = st.one_of(
    st.integers(0x7F000000, 0x7FFFFFFF),
    st.integers(0x0A000000, 0x0AFFFFFF),
    st.integers(0xA9FE0000, 0xA9FEFFFF),
    st.integers(0xC0A80000, 0xC0A8FFFF),
    st.just(0xA83F8110),
)


spellings = st.builds(
    lambda number, form, scheme, port, user, rest: f"{scheme}://{user}{form(number)}{port}{rest}",
    internal,
    st.sampled_from(FORMS),
    st.sampled_from(["http", "https", "HTTP", "hTTps"]),
    st.sampled_from(["", ":80", ":443", ":", ":8080"]),
    st.sampled_from(["", "user@", "user:pass@", "example.com@"]),
    st.sampled_from(["/", "", "?q=1", "#x", "/..//a"]),
)


def _is_refused(url: str) -> None:
    with pytest.raises((AddressRefused, Invalid)):
        check_url(url, "source")


@settings(max_examples=600, deadline=None)
@given(spellings)
def test_no_spelling_of_an_internal_address_passes(url: str) -> None:
    _is_refused(url)


@pytest.mark.long
@settings(max_examples=20_000, deadline=None)
@given(spellings)
def test_no_spelling_of_an_internal_address_passes_at_length(url: str) -> None:
    _is_refused(url)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_ends_in_a_verdict(text: str) -> None:
    for url in (text, f"http://{text}/", f"https://example.com/{text}"):
        try:
            check_url(url, "source")
        except (AddressRefused, Invalid):
            continue
        assert httpx.URL(url).scheme in ("http", "https")
