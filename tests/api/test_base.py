from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.cast import client_for, token_of


@pytest.mark.django_db
def test_list_and_echo(client_a: Client, client_b: Client) -> None:
    r = client_a.get("/v1/items")
    assert r.status_code == 200, r.content
    assert len(r.json()["results"]) == 1
    r = client_a.get("/v1/echo")
    assert r.status_code == 200, r.content
    assert "X-Request-ID" in r


@pytest.mark.django_db
def test_errors(client_a: Client, tenant: Tenant) -> None:
    for path in ("/v1/crash", "/v1/async-crash", "/v1/plain-crash"):
        r = client_a.get(path)
        assert r.status_code == 500 and b"canary" not in r.content
        assert r.json()["error"]["code"] == "internal"
    r = client_a.post("/v1/items", {"name": "x"}, content_type="application/json")
    assert r.status_code == 201, r.content
    r = client_for(token_of(tenant, ["read"])).post(
        "/v1/items", {"name": "x"}, content_type="application/json"
    )
    assert r.status_code == 403, r.content
    r = Client().get("/v1/items")
    assert r.status_code == 401, r.content
    r = client_a.get("/v1/nothing")
    assert r.status_code == 404 and r.json()["error"]["code"] == "not_found"
    r = client_a.get("/v1/items/nothing")
    assert r.status_code == 404 and r.json()["error"]["code"] == "not_found"
    r = client_a.get("/v1/items?foo=1")
    assert r.status_code == 400 and "foo" in r.json()["error"]["fields"]
