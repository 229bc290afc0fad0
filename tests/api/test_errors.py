"""Every failure has the contract's one body, an id, and no text of ours."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from tenants.models import Tenant
from tenants.scope import platform_scope
from tests.cast import async_client_for, client_for, token_of

JSON = "application/json"


DEEP = b'{"x":' * 100 + b"1" + b"}" * 100


def code(answer: Any, status: int, name: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith(JSON)
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == name and error["message"]
    assert error["request_id"] == answer["X-Request-ID"]
    assert ("fields" in error) == (name == "invalid")
    return error


@pytest.mark.parametrize("path", ["/v1/crash", "/v1/async-crash", "/v1/plain-crash"])
def test_a_fault_of_ours_tells_nothing(client_a: Client, path: str, caplog: Any) -> None:
    answer = client_a.get(path)
    code(answer, 500, "internal")
    assert b"canary" not in answer.content and b"Traceback" not in answer.content
    assert "canary" in caplog.text  # but the log knows
    if path != "/v1/plain-crash":
        assert answer["X-Request-ID"] in caplog.text


def test_a_lost_database_is_unavailable(client_a: Client) -> None:
    answer = client_a.post("/v1/crash")
    code(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) >= 1 and b"canary" not in answer.content


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/none", "/v1/items/a/b", "/openai/v1/x"])
@pytest.mark.parametrize("accept", ["*/*", "text/html", JSON, "image/png"])
def test_unknown_paths_are_json(client: Client, path: str, accept: str) -> None:
    code(client.get(path, headers={"accept": accept}), 404, "not_found")
    code(client.post(path, headers={"accept": accept}), 404, "not_found")


@pytest.mark.django_db
def test_pages_for_people(client: Client) -> None:
    client.raise_request_exception = False
    for path, status in (("/none", 404), ("/plain-crash", 500)):
        answer = client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == status and b"canary" not in answer.content
        assert answer["Content-Type"].startswith("text/html")
        assert "default-src 'self'" in answer["Content-Security-Policy"]
    code(client.get("/none"), 404, "not_found")


def test_the_order_of_refusals(tenant: Tenant, other_tenant: Tenant) -> None:
    raw = token_of(tenant)
    reader, stranger = client_for(token_of(tenant, ["read"])), client_for(token_of(other_tenant))
    own = client_for(raw).get("/v1/items").json()["results"][0]["id"]
    anonymous, bad = Client(), "{not json"
    for path in (f"/v1/items/{own}", "/v1/items/nonsense"):
        code(anonymous.delete(path, bad, content_type=JSON), 401, "unauthenticated")
    code(stranger.delete(f"/v1/items/{own}"), 404, "not_found")
    code(reader.delete("/v1/items/nonsense"), 404, "not_found")
    code(reader.delete(f"/v1/items/{own}"), 403, "forbidden")
    code(reader.post("/v1/items", bad, content_type=JSON), 403, "forbidden")
    code(client_for(raw).post("/v1/items", bad, content_type=JSON), 400, "bad_request")
    code(client_for(raw).put("/v1/items", {}, content_type=JSON), 405, "method_not_allowed")
    code(client_for(raw).options("/v1/items"), 405, "method_not_allowed")
    assert client_for(raw).delete(f"/v1/items/{own}").status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (b"", 400, "invalid"),
        (b"{", 400, "bad_request"),
        (b"null", 400, "invalid"),
        (b"[]", 400, "invalid"),
        (b'"x"', 400, "invalid"),
        (b'{"name": "a", "name": "b"}', 400, "bad_request"),
        (b'{"name": "a", "ratio": NaN}', 400, "bad_request"),
        (b'{"name": "a", "ratio": Infinity}', 400, "bad_request"),
        (b'{"name": "a", "ratio": 1e999}', 400, "bad_request"),
        (b'{"name": "a", "count": ' + b"9" * 5000 + b"}", 400, "bad_request"),
        (
            b'{"name": "a", "options": ' + b'{"x":' * 100 + b"1" + b"}" * 100 + b"}",
            400,
            "bad_request",
        ),
        (b"[" * 200_000, 400, "bad_request"),
        (b"\xff\xfe{}", 400, "bad_request"),
        (b'{"name": "\xff"}', 400, "bad_request"),
        (b'{"name": 5}', 400, "invalid"),
        (b'{"name": true}', 400, "invalid"),
        (b'{"name": null}', 400, "invalid"),
        (b'{"name": ["a"]}', 400, "invalid"),
        (b'{"name": "a\\u0000"}', 400, "invalid"),
        (b'{"name": "\\ud800"}', 400, "invalid"),
        (b'{"name": "' + b"a" * 21 + b'"}', 400, "invalid"),
        (b'{"name": "a", "count": "5"}', 400, "invalid"),
        (b'{"name": "a", "count": 5.0}', 400, "invalid"),
        (b'{"name": "a", "count": true}', 400, "invalid"),
        (b'{"name": "a", "count": 99999999999999999999}', 400, "invalid"),
        (b'{"name": "a", "ratio": "1"}', 400, "invalid"),
        (b'{"name": "a", "flag": "true"}', 400, "invalid"),
        (b'{"name": "a", "flag": 1}', 400, "invalid"),
        (b'{"name": "a", "color": "green"}', 400, "invalid"),
        (b'{"name": "a", "color": 1}', 400, "invalid"),
        (b'{"name": "a", "tags": "a"}', 400, "invalid"),
        (b'{"name": "a", "tags": [1]}', 400, "invalid"),
        (b'{"name": "a", "tags": {"0": "a"}}', 400, "invalid"),
        (b'{"name": "a", "options": []}', 400, "invalid"),
        (b'{"name": "a", "options": {"a\\u0000": 1}}', 400, "invalid"),
        (b'{"name": "a", "when": 5}', 400, "invalid"),
        (b'{"name": "a", "made": "x"}', 400, "invalid"),
        (b'{"name": "a", "unknown": "x"}', 400, "invalid"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/items", "/v1/echo"])
def test_bad_bodies(client_a: Client, path: str, body: bytes, status: int, name: str) -> None:
    code(client_a.post(path, body, content_type=JSON), status, name)


def test_good_bodies(client_a: Client) -> None:
    body = {"name": "a", "count": -5, "ratio": 1, "flag": False, "color": "red", "tags": ["x"]}
    for path in ("/v1/items", "/v1/echo"):
        answer = client_a.post(path, body, content_type=JSON)
        assert answer.status_code in (200, 201) and answer.json()["ratio"] == 1.0
    nul = client_a.post("/v1/items", '{"name": "a\\\\u0000"}', content_type=JSON)
    assert nul.status_code == 201  # a backslash and five letters, no NUL


def test_packed_bodies(client_a: Client) -> None:
    packed = gzip.compress(b'{"name": "a"}')
    answer = client_a.post(
        "/v1/items", packed, content_type=JSON, headers={"content-encoding": "gzip"}
    )
    code(answer, 415, "unsupported_media_type")


def test_content_types(client_a: Client) -> None:
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "x"):
        code(
            client_a.post("/v1/items", b"name=a", content_type=kind), 415, "unsupported_media_type"
        )


def test_a_body_too_large_is_not_read(client_a: Client, settings: Any) -> None:
    settings.MINIRAG_MAX_BODY_BYTES = 100
    code(client_a.post("/v1/items", b"x" * 101, content_type=JSON), 413, "too_large")
    assert client_a.post("/v1/items", b'{"name": "a"}', content_type=JSON).status_code == 201


def test_query_parameters(client_a: Client) -> None:
    for query, field in (
        ("foo=1", "foo"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=garbage", "cursor"),
        ("cursor=" + "a" * 3000, "cursor"),
        ("name=a%00", "name"),
    ):
        error = code(client_a.get(f"/v1/items?{query}"), 400, "invalid")
        assert list(error["fields"]) == [field], query
    own = client_a.get("/v1/items?limit=200&name=admin%2Bchat").json()["results"][0]["id"]
    code(client_a.get(f"/v1/items/{own}?limit=5"), 400, "invalid")
    code(client_a.get(f"/v1/items/{own}?x="), 400, "invalid")
    code(client_a.delete(f"/v1/items/{own}?x=1"), 400, "invalid")
    code(client_a.get("/v1/echo?x=1"), 400, "invalid")


async def test_async_views_keep_scopes_apart(transactional_db: None) -> None:
    def cast() -> list[tuple[str, AsyncClient]]:
        made = []
        with platform_scope("tests"):
            for slug in ("a", "b", "c", "d"):
                tenant = Tenant.objects.create(name=slug, slug=slug)
                made.append((str(tenant.pk), async_client_for(token_of(tenant))))
        return made

    clients = await sync_to_async(cast)() * 5
    answers = await asyncio.gather(*(client.get("/v1/echo") for _, client in clients))
    for (tenant_id, _), answer in zip(clients, answers, strict=True):
        assert answer.status_code == 200 and tenant_id in answer.json()["scope"]
