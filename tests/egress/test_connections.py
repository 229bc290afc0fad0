"""The connection itself: judged where it is made, whatever the name said before."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import Any

import httpcore
import httpx
import pytest
from pytest_django.fixtures import Settings

from minirag.egress import async_client, client, fetch
from minirag.errors import AddressRefused, UnreadableSource
from tests.doubles.websites import Site

Names = dict[str, list[list[str]]]


def _get(url: str, kind: str) -> None:
    if kind == "sync":
        with client("provider") as http:
            http.get(url)
        return

    async def get() -> None:
        async with async_client("provider") as http:
            await http.get(url)

    asyncio.run(get())


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"],
        ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"],
        ["2606:4700::1111", "10.0.0.5"], ["169.254.169.254"], ["fe80::1%1"], ["0.0.0.0"],
    ],
)  # fmt: skip
def test_every_answer_of_a_name_is_judged(
    answers: list[str], kind: str, names: Names, sentinel: Site
) -> None:
    names["evil.test"] = [answers]
    with pytest.raises(AddressRefused):
        _get(sentinel.url(host="evil.test"), kind)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost.", "127.0.0.1.", "[::ffff:127.0.0.1]", "2130706433", "127.1"]
)
def test_literals_and_local_names_leave_the_sentinel_alone(
    host: str, kind: str, names: Names, sentinel: Site
) -> None:
    names |= {"localhost.": [["127.0.0.1"]], "127.0.0.1.": [["127.0.0.1"]]}
    with pytest.raises(AddressRefused):
        _get(sentinel.url(host=host), kind)


def test_a_name_that_changes_its_mind_gains_nothing(
    kind: str, names: Names, sentinel: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["rebind.test"] = [["93.184.216.34"], ["127.0.0.1"]]
    reached: list[str] = []

    def connect(_: Any, host: str, *__: Any, **___: Any) -> Any:
        reached.append(host)
        raise httpcore.ConnectError("nobody is there")

    async def connect_async(backend: Any, host: str, *_: Any, **__: Any) -> Any:
        return connect(backend, host)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_async)
    with pytest.raises(httpx.ConnectError):
        _get(sentinel.url(host="rebind.test"), kind)
    with pytest.raises(AddressRefused):
        _get(sentinel.url(host="rebind.test"), kind)
    assert reached == ["93.184.216.34"]


def test_a_failed_first_lookup_opens_nothing(names: Names, sentinel: Site) -> None:
    with pytest.raises(httpx.ConnectError):
        _get(sentinel.url(host="later.test"), "sync")
    names["later.test"] = [["127.0.0.1"]]
    with pytest.raises(AddressRefused):
        _get(sentinel.url(host="later.test"), "sync")


def test_a_peer_that_is_not_the_judged_address_is_dropped(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["moved.test"] = [["93.184.216.34"]]
    closed: list[bool] = []

    class Moved(httpcore.NetworkStream):
        def get_extra_info(self, info: str) -> Any:
            return ("127.0.0.1", 80) if info == "server_addr" else None

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lambda *_, **__: Moved())
    with pytest.raises(AddressRefused):
        _get("http://moved.test/", "sync")
    assert closed


def test_the_host_header_and_the_name_stay_as_given(site: Site) -> None:
    site.page("/", b"hello", Content_Type="text/plain")
    fetch(site.url(), max_bytes=100, deadline=5)
    assert site.requests[0][1]["host"] == f"site.test:{site.port}"
    assert site.requests[0][1]["accept-encoding"] == "gzip"


def test_environment_proxies_are_not_used(
    site: Site, sentinel: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setitem(os.environ, name, f"http://127.0.0.1:{sentinel.port}")
    site.page("/", b"hello")
    assert fetch(site.url(), max_bytes=100, deadline=5).content == b"hello"


def test_a_client_never_follows_a_redirect_by_itself(
    site: Site, settings: Settings, kind: str
) -> None:
    settings.MINIRAG_EGRESS_ALLOW = [f"site.test:{site.port}"]
    site.redirect("/", site.url("/next"))

    async def get() -> int:
        async with async_client("provider") as http:
            return (await http.get(site.url(), follow_redirects=True)).status_code

    if kind == "sync":
        with client("provider") as http:
            assert http.get(site.url(), follow_redirects=True).status_code == 302
    else:
        assert asyncio.run(get()) == 302
    assert [path for path, _ in site.requests] == ["/"]


def test_clients_keep_no_connection_unless_asked(site: Site, settings: Settings) -> None:
    settings.MINIRAG_EGRESS_ALLOW = [f"site.test:{site.port}"]
    site.page("/", b"hello")
    with client("source") as http:
        for _ in range(3):
            assert http.get(site.url()).text == "hello"
    assert site.connections == 3


def test_a_lookup_that_hangs_ends_in_time(
    kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MINIRAG_DNS_TIMEOUT = 0.05
    release = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        release.wait(10)
        raise socket.gaierror("too late")

    async def get() -> None:
        # The loop's own resolver must not be what hangs.
        async with async_client("provider") as http:
            await http.get("http://slow.test/")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(httpx.ConnectTimeout):
            if kind == "sync":
                _get("http://slow.test/", kind)
            else:
                asyncio.run(get())
    finally:
        release.set()


def test_closed_and_unknown_read_alike(names: Names, site: Site, settings: Settings) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    settings.MINIRAG_EGRESS_ALLOW = [f"site.test:{port}", f"nowhere.test:{port}"]
    words = set()
    for host in ("site.test", "nowhere.test"):
        with pytest.raises(UnreadableSource) as caught:
            fetch(f"http://{host}:{port}/", max_bytes=100, deadline=5)
        words.add(caught.value.message)
    assert len(words) == 1


def test_open_and_closed_internal_ports_read_alike(names: Names, sentinel: Site) -> None:
    names["inside.test"] = [["127.0.0.1"]]
    words = set()
    for port in (80, 443):
        with pytest.raises(AddressRefused) as caught:
            fetch(f"http://inside.test:{port}/", max_bytes=100, deadline=5)
        words.add(caught.value.message)
    with pytest.raises(AddressRefused) as caught, client("provider") as http:
        http.get(sentinel.url(host="inside.test"))
    assert words == {caught.value.message}


def test_the_client_itself_refuses_user_names(kind: str, site: Site, settings: Settings) -> None:
    settings.MINIRAG_EGRESS_ALLOW = [f"site.test:{site.port}"]
    with pytest.raises(AddressRefused):
        _get(site.url().replace("http://", "http://user:secret@"), kind)
    assert site.connections == 0
