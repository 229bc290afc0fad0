"""Signed credentials whose signature is missing, another's, or of other words: all are refused."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from minirag.errors import Unauthenticated
from tenants import widget_tokens
from tenants.authentication import authenticate_token
from tenants.models import Tenant
from tests.cast import client_for, jwt_of, person

OTHER_KEY = "a-key-of-somebody-else-0123456789-abcdefghijklmnop"


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def changed(token: str) -> str:
    """Another expiry under the old signature."""
    head, _, signature = token.split(".")
    claims = claims_of(token)
    return ".".join((head, part(claims | {"exp": claims["exp"] + 60}), signature))


FORGERIES: dict[str, Callable[[str], str]] = {
    "another key": lambda token: jwt.encode(claims_of(token), OTHER_KEY, algorithm="HS256"),
    "another algorithm": lambda token: jwt.encode(claims_of(token), OTHER_KEY, algorithm="HS384"),
    "no algorithm": lambda token: f"{part({'alg': 'none', 'typ': 'JWT'})}.{token.split('.')[1]}.",
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "other words": changed,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_of_a_person(tenant: Tenant, forgery: str) -> None:
    real = jwt_of(person(tenant), tenant)
    assert client_for(real).get("/v1/tenants/me").status_code == 200
    forged = FORGERIES[forgery](real)
    assert forged != real
    assert client_for(forged).get("/v1/tenants/me").status_code == 401


@pytest.mark.parametrize("forgery", FORGERIES)
def test_of_a_visitor(tenant: Tenant, forgery: str) -> None:
    real, _ = widget_tokens.issue(uuid.uuid4(), tenant.pk, uuid.uuid4(), "https://shop.example")
    assert authenticate_token(real, ip=None, request_id="r").tenant_id == tenant.pk
    forged = widget_tokens.PREFIX + FORGERIES[forgery](real.removeprefix(widget_tokens.PREFIX))
    with pytest.raises(Unauthenticated):
        authenticate_token(forged, ip=None, request_id="r")
