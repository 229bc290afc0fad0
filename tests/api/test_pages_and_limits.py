"""Cursor pages, request limits, request ids, addresses, headers."""

from __future__ import annotations

import os
import re
import threading
import uuid
from typing import Any

import pytest
from django.test import Client, RequestFactory

from minirag.api import limits
from minirag.api.context import accepted_request_id, client_address
from minirag.api.shared_limits import RedisCounter
from tenants.models import ApiToken, Tenant
from tenants.scope import ScopeError, TenantScope, current_scope, open_scope, platform_scope
from tests.cast import client_for, person, token_of

JSON = "application/json"


def walk(client: Client, url: str, direction: str = "next") -> list[list[str]]:
    pages = []
    while url:
        answer = client.get(url).json()
        pages.append([row["id"] for row in answer["results"]])
        url = answer[direction]
    return pages


def test_pages_hold_each_row_once_both_ways(tenant: Tenant, client_a: Client) -> None:
    for _ in range(22):
        token_of(tenant, ["read"])
    with platform_scope("tests"):  # many rows of one instant: only the id tells them apart
        ApiToken.objects.all()[5:15]
        same = ApiToken.objects.values_list("pk", flat=True)[5:15]
        stamp = ApiToken.objects.all()[5].created_at
        ApiToken.objects.filter(pk__in=list(same)).update(created_at=stamp)
        expected = [str(pk) for pk in ApiToken.objects.values_list("pk", flat=True)]
    pages = walk(client_a, "/v1/items?limit=4")
    assert [pk for page in pages for pk in page] == expected and len(pages) == 6
    first = client_a.get("/v1/items?limit=4").json()
    assert first["previous"] is None and first["next"].startswith("http://testserver/v1/items?")
    last_url = ""
    url = "/v1/items?limit=4"
    while url:
        last_url, url = url, client_a.get(url).json()["next"]
    back = walk(client_a, last_url, "previous")
    assert [pk for page in reversed(back) for pk in page] == expected


def test_a_new_row_moves_no_page(tenant: Tenant, client_a: Client) -> None:
    for _ in range(5):
        token_of(tenant, ["read"])
    first = client_a.get("/v1/items?limit=3").json()
    token_of(tenant, ["read"])
    second = client_a.get(first["next"]).json()
    assert not {one["id"] for one in first["results"]} & {one["id"] for one in second["results"]}
    assert len(client_a.get(second["previous"]).json()["results"]) == 3


def test_a_cursor_fits_its_own_list_only(
    tenant: Tenant, client_a: Client, client_b: Client
) -> None:
    token_of(tenant, ["read"])
    url = client_a.get("/v1/items?limit=1").json()["next"]
    assert client_b.get(url).json()["results"] in ([], client_b.get("/v1/items").json()["results"])
    broken = re.sub(r"cursor=(.)", "cursor=Z", url)
    assert client_a.get(broken).json()["error"]["fields"].keys() == {"cursor"}
    elsewhere = client_a.get(url.replace("/v1/items", "/v1/other-items"))
    assert elsewhere.status_code == 400
    assert elsewhere.json()["error"]["fields"].keys() == {"cursor"}
    assert client_a.get(url).status_code == 200


def test_links_never_carry_a_foreign_host(client_a: Client, tenant: Tenant) -> None:
    token_of(tenant, ["read"])
    answer = client_a.get("/v1/items?limit=1", headers={"x-forwarded-host": "evil.test"})
    assert "evil" not in answer.json()["next"]
    assert client_a.get("/v1/items", headers={"host": "evil.test"}).status_code == 400


@pytest.mark.parametrize("query", ["limit=", "cursor=", "limit=0", "limit=201", "limit=2&limit=2"])
def test_parameters_that_say_nothing_are_refused(client_a: Client, query: str) -> None:
    """An empty one would be read as none: the filter somebody meant would not filter."""
    answer = client_a.get(f"/v1/items?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_the_numbers_of_the_limit_add_up(tenant: Tenant, settings: Any) -> None:
    settings.MINIRAG_RATE_API = 5
    client, other = client_for(token_of(tenant)), client_for(token_of(tenant))
    for left in (4, 3, 2, 1, 0):
        answer = client.get("/v1/items")
        assert answer["RateLimit-Policy"] == '"api";q=5;w=60'
        match = re.fullmatch(r'"api";r=(\d+);t=(\d+)', answer["RateLimit"])
        assert match and int(match[1]) == left and 0 < int(match[2]) <= 60
    refused = client.get("/v1/items")
    assert refused.status_code == 429 and refused.json()["error"]["code"] == "rate_limited"
    assert refused["RateLimit"].startswith('"api";r=0;t=')
    assert 0 < int(refused["Retry-After"]) <= 60
    assert client.get("/v1/echo").status_code == 200  # another policy
    assert other.get("/v1/items").status_code == 200  # another credential


def test_zero_is_no_limit(client_a: Client, settings: Any) -> None:
    settings.MINIRAG_RATE_API = 0
    answer = client_a.get("/v1/items")
    assert answer.status_code == 200 and "RateLimit" not in answer


def run_threads(count: int, work: Any) -> None:
    start = threading.Barrier(count)

    def one() -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_counting_is_exact_under_threads() -> None:
    counter = limits.MemoryCounter()
    seen: list[int] = []
    run_threads(16, lambda: seen.extend(counter.hit("k")[0] for _ in range(50)))
    assert sorted(seen) == list(range(1, 801))


def test_a_window_ends() -> None:
    now = [100.0]
    counter = limits.MemoryCounter(lambda: now[0])
    assert counter.hit("k") == (1, 60.0)
    now[0] = 159.9
    assert counter.hit("k")[0] == 2
    now[0] = 160.0
    assert counter.hit("k") == (1, 60.0)
    now[0] = 220.004  # whose sum with 60, less itself, is a little more than 60
    assert counter.hit("k") == (1, 60.0)


@pytest.mark.services
def test_counting_is_exact_in_redis() -> None:
    counter = RedisCounter(os.environ["REDIS_URL"])
    key = uuid.uuid4().hex
    seen: list[int] = []
    run_threads(8, lambda: seen.extend(counter.hit(key)[0] for _ in range(25)))
    assert sorted(seen) == list(range(1, 201))
    assert 0 < counter.hit(key)[1] <= 60


def test_without_redis_requests_are_counted_here() -> None:
    counter = RedisCounter("redis://127.0.0.1:1/0")
    assert [counter.hit("k")[0] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("", "198.51.100.1", None),
    ],
)
def test_the_client_address(settings: Any, peer: str, forwarded: str, client: str | None) -> None:
    settings.MINIRAG_TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert client_address(peer, forwarded) == client


def test_request_ids(settings: Any) -> None:
    settings.MINIRAG_TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert accepted_request_id("10.0.0.1", "trace-0123456789") == "trace-0123456789"
    for peer, inbound in (
        ("192.0.2.1", "trace-0123456789"),
        ("10.0.0.1", "short"),
        ("10.0.0.1", "a" * 65),
        ("10.0.0.1", "bad\r\nSet-Cookie: x"),
    ):
        assert re.fullmatch(r"[0-9a-f]{32}", accepted_request_id(peer, inbound))


def test_forwarded_protocol_counts_from_proxies_only(settings: Any, client_a: Client) -> None:
    token_headers = {"x-forwarded-proto": "https"}
    settings.MINIRAG_RATE_API = 0
    person_url = "/v1/items?limit=1"
    settings.MINIRAG_TRUSTED_PROXIES = []
    client_a.post("/v1/items", {"name": "x"}, content_type=JSON)
    assert RequestFactory().get("/").scheme == "http"
    seen = client_a.get(person_url, headers=token_headers).wsgi_request
    assert seen.scheme == "http"
    settings.MINIRAG_TRUSTED_PROXIES = ["127.0.0.1"]
    assert client_a.get(person_url, headers=token_headers).wsgi_request.scheme == "https"


def test_headers_on_api_answers(client_a: Client) -> None:
    answer = client_a.get("/v1/items")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cache-Control"] == "no-store"
    assert "Content-Security-Policy" not in answer


def test_browsable_pages_are_for_sessions(tenant: Tenant, client_a: Client) -> None:
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert client_a.get("/v1/items", headers=html)["Content-Type"].startswith(JSON)
    browser = Client()
    stranger = browser.get("/v1/items", headers=html)
    assert stranger.status_code == 401 and b"/console/login/" in stranger.content
    browser.force_login(person(tenant))
    page = browser.get("/v1/items", headers=html)
    assert page.status_code == 200 and page["Content-Type"].startswith("text/html")
    text = page.content.decode()
    assert "&quot;name&quot;" in text and "&quot;made&quot;" not in text  # the raw form's start
    policy = page["Content-Security-Policy"]
    assert (
        "unsafe-inline" not in policy and "*" not in policy and "frame-ancestors 'none'" in policy
    )
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//(?!testserver|www.django-rest)", text)
    assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", text)


def test_a_left_over_scope_does_not_reach_the_next_request(client_a: Client, caplog: Any) -> None:
    open_scope(TenantScope(uuid.uuid4()))
    assert client_a.get("/v1/items").json()["results"]
    assert "left open" in caplog.text
    with pytest.raises(ScopeError):
        current_scope()
