"""TOK: two hundred things that are no credential, and nothing that passes for a token of nobody."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants.models import Tenant
from tests.cast import PASSWORD, person, token_of

JSON = "application/json"
SCHEMES = (
    "Bearer {}",
    "bearer {}",
    "Basic {}",
    "Token {}",
    "{}",
    "Bearer  {}",
    "Bearer {},",
    "Bearer mrag_{}",
)
PAYLOADS = (
    "' OR '1'='1", "'; DROP TABLE tenants_apitoken; --", '" UNION SELECT digest FROM x --', "\\x00",
    "%00", "%0d%0aX-Admin: 1", "${jndi:ldap://x/a}", "{{7*7}}", "<script>alert(1)</script>",
    "../../../../etc/passwd", "null", "undefined", "true", "0", "-1", "[]", "{}", "*", "%", "_",
    "eyJhbGciOiJub25lIn0.e30.", "a" * 43 + "_" + "b" * 6, "\u00e9\u4e00", "a" * 4_000, "=" * 44,
)  # fmt: skip
HOSTILE = [scheme.format(text) for scheme, text in itertools.product(SCHEMES, PAYLOADS)]


def test_two_hundred_hostile_values_are_answered_alike(tenant: Tenant) -> None:
    """In the same words, with no more queries than a token that is merely unknown."""
    raw = token_of(tenant)
    client = Client(raise_request_exception=False)
    assert (
        client.get("/v1/tenants/me", headers={"authorization": f"Bearer {raw}"}).status_code == 200
    )
    assert len(HOSTILE) == 200
    for value in HOSTILE:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get("/v1/tenants/me", headers={"authorization": value})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (401, "unauthenticated"), value
        assert error["message"] == "A valid credential is needed."
        assert len(queries) <= 1, (value, list(queries))
    assert (
        client.get("/v1/tenants/me", headers={"authorization": f"Bearer {raw}"}).status_code == 200
    )


EMPTY: tuple[Any, ...] = (
    None,
    "",
    " ",
    [],
    {},
    0,
    False,
    "\x00",
    "null",
    "None",
    "undefined",
    [""],
    "*",
)
FIELDS = {
    "/v1/auth/accept-invitation": lambda value: {"token": value, "password": PASSWORD},
    "/v1/auth/refresh": lambda value: {"refresh": value},
    "/widget/v1/session": lambda value: {"public_id": value},
    "/v1/auth/login": lambda value: {"email": "owner@acorn.test", "password": value},
}


@pytest.mark.parametrize("path", FIELDS)
def test_nothing_stands_for_a_secret(tenant: Tenant, settings: Any, path: str) -> None:
    """Rows without a secret exist (accepted members, widgets that are off): none is found so."""
    settings.ROOT_URLCONF = "minirag.urls"
    person(tenant)
    for value in EMPTY:
        body = json.dumps(FIELDS[path](value))
        answer = Client(raise_request_exception=False).post(path, body, content_type=JSON)
        assert answer.status_code in (400, 401, 403, 404), (value, answer.content)
    absent = Client(raise_request_exception=False).post(path, "{}", content_type=JSON)
    assert absent.status_code == 400
