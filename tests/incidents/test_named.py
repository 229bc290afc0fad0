"""Failures of other systems (tests/incidents.md) for which no other test stood."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from tenants.models import Tenant
from tests.cast import PASSWORD, client_for, person, token_of
from tests.matrix.world import OURS

SAMPLES = 10_000
ROWS = [
    model
    for model in apps.get_models()
    if model._meta.app_label in OURS and isinstance(model._meta.pk.get_default(), uuid.UUID)
]
JSON = "application/json"


def test_incident_015_ids_cannot_be_guessed_or_dated() -> None:
    """Ten thousand: random by version, none twice, each of 122 bits as often on as off."""
    assert len(ROWS) >= 12
    made = [ROWS[at % len(ROWS)]._meta.pk.get_default() for at in range(SAMPLES)]
    assert {one.version for one in made} == {4} and len(set(made)) == SAMPLES
    fixed = {*range(62, 64), *range(76, 80)}  # variant and version
    for bit in set(range(128)) - fixed:
        share = sum(one.int >> bit & 1 for one in made) / SAMPLES
        assert 0.46 < share < 0.54, f"bit {bit} is on in {share:.0%}"  # eight deviations


@pytest.mark.parametrize(
    "hint",
    [
        {"headers": {"x-tenant": "birch"}},
        {"headers": {"x-tenant-id": "{id}"}},
        {"headers": {"host": "birch.localhost"}},
        {"headers": {"x-forwarded-host": "birch.localhost"}},
        {"headers": {"tenant": "{id}", "x-organization": "{id}", "x-workspace-id": "{id}"}},
        {"headers": {"cookie": "tenant={id}; tenant_id={id}"}},
    ],
)
def test_incident_040_a_key_opens_its_own_tenant_whatever_else_is_said(
    tenant: Tenant, other_tenant: Tenant, settings: Any, hint: dict[str, dict[str, str]]
) -> None:
    settings.ALLOWED_HOSTS = ["testserver", ".localhost"]
    client = client_for(token_of(tenant))
    for _ in range(2):  # the second time with whatever the first one warmed up
        assert client.get("/v1/tenants/me").json()["id"] == str(tenant.pk)
        named = {k: v.replace("{id}", str(other_tenant.pk)) for k, v in hint["headers"].items()}
        assert client.get("/v1/tenants/me", headers=named).json()["id"] == str(tenant.pk)
    theirs = client_for(token_of(other_tenant))
    assert theirs.get("/v1/tenants/me").json()["id"] == str(other_tenant.pk)


def test_incident_048_a_session_is_no_use_to_another_site(tenant: Tenant) -> None:
    user = person(tenant)
    client = Client(enforce_csrf_checks=True)
    page = client.get("/console/login/")
    form = {"username": user.email, "password": PASSWORD}
    form["csrfmiddlewaretoken"] = page.cookies["csrftoken"].value
    assert client.post("/console/login/", form).status_code == 302
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] in ("Lax", "Strict")
    evil = {"origin": "https://evil.example", "referer": "https://evil.example/"}
    read = client.get("/v1/sources", headers=evil)
    assert "Access-Control-Allow-Origin" not in read
    body = {"name": "x", "type": "text", "content": "x"}
    assert client.post("/v1/sources", body, content_type=JSON, headers=evil).status_code == 403
    asked = client.options("/v1/sources", headers={**evil, "access-control-request-method": "POST"})
    assert "Access-Control-Allow-Origin" not in asked


@pytest.mark.parametrize(
    "metadata",
    [
        {"lc": 1, "type": "secret", "id": "SECRET_KEY"},
        {"lc": 1, "type": "constructor", "kwargs": "os.environ"},
        {"__class__": "os.system", "__reduce__": "x", "__proto__": "x"},
        {"py/object": "os.system", "!!python/object/apply": "os.system", "$type": "x"},
        {"template": "{{ settings.SECRET_KEY }} {0.__class__} %(SECRET_KEY)s ${SECRET_KEY}"},
    ],
)
def test_incident_073_data_that_looks_like_code_stays_data(
    client_a: Client, metadata: dict[str, Any]
) -> None:
    body = {"name": "x", "type": "text", "content": "x", "metadata": metadata}
    made = client_a.post("/v1/sources", body, content_type=JSON)
    assert made.status_code == 201, made.content
    read = client_a.get(f"/v1/sources/{made.json()['id']}")
    assert made.json()["metadata"] == read.json()["metadata"] == metadata
