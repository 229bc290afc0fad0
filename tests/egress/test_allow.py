"""The operator's list: read strictly, and it opens nothing that it does not name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from minirag.egress import Use, check_url, parse_allow
from minirag.errors import AddressRefused

GOOD = (
    ("ollama:11434", "http://ollama:11434/v1"),
    ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
    ("[::1]:8080", "http://[::1]:8080/"),
    ("provider:10.0.0.0/8", "http://10.1.2.3:9999/"),
    ("fd00::/8", "http://[fd00::5]/"),
    ("Wiki.Intern:443", "https://wiki.intern./page"),
)
BAD = (
    "ollama", "http://ollama:1", "127.0.0.1", ":80", "host:0", "host:65536", "host:x", "provider:",
    "provider:8080", "nobody:host:80", "10.0.0.1/8", "10.0.0.0/33", "::1:80", "[127.0.0.1]:80",
    "a b:80", "*:80", "host:80/path", "1.2.3:80", "user@host:80",
)  # fmt: skip


@pytest.mark.parametrize(("entry", "url"), GOOD)
def test_an_entry_opens_what_it_names(entry: str, url: str, settings: Settings) -> None:
    settings.MINIRAG_EGRESS_ALLOW = [entry]
    check_url(url, "provider")


@pytest.mark.parametrize("entry", BAD)
def test_a_bad_entry_is_refused_by_the_name_of_the_setting(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MINIRAG_EGRESS_ALLOW") as caught:
        parse_allow([entry])
    assert repr(entry) in str(caught.value)


@pytest.mark.parametrize(
    ("url", "use"),
    [
        ("http://127.0.0.1:8081/", "source"),
        ("http://127.0.0.2:8080/", "source"),
        ("http://127.0.0.1:8080/", "webhook"),
        ("http://127.0.0.1:8080/", "provider"),
        ("http://[::ffff:127.0.0.1]:8080/", "source"),
        ("http://[64:ff9b::7f00:1]:8080/", "source"),
        ("http://example.com:8080/", "source"),
    ],
)
def test_one_allowed_host_leaves_all_others_shut(url: str, use: Use, settings: Settings) -> None:
    settings.MINIRAG_EGRESS_ALLOW = ["source:127.0.0.1:8080", "source:wiki.intern:8080"]
    check_url("http://127.0.0.1:8080/", "source")
    if url.startswith("http://example.com"):
        # A name may turn out to be the allowed address; the connection decides.
        check_url(url, use)
        return
    with pytest.raises(AddressRefused):
        check_url(url, use)
