"""TOK: what a token looks like, what it may do, and when it ends."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tenants import tokens, widget_tokens
from tenants.context import system_context
from tenants.models import ApiToken, LoginSession, Membership, Role, Tenant
from tenants.scope import platform_scope
from tenants.services import resume_tenant, suspend_tenant
from tests.cast import client_for, jwt_of, person, token_of

JSON = "application/json"


def test_shape_and_checksum() -> None:
    raw = tokens.generate()
    assert re.fullmatch(r"mrag_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", raw)
    assert tokens.well_formed(raw)
    for index in range(5, len(raw)):
        other = "A" if raw[index] != "A" else "B"
        assert not tokens.well_formed(raw[:index] + other + raw[index + 1 :])


def test_tokens_are_not_alike() -> None:
    made = [tokens.generate() for _ in range(2000)]
    assert len(set(made)) == len(made)
    # Each position takes nearly all of the 62 characters: nothing is fixed, dated or counted.
    assert all(len({raw[place] for raw in made}) > 55 for place in range(5, 48))


HOSTILE = [
    "",
    "Bearer",
    "Bearer ",
    "Basic dXNlcjpwYXNz",
    "Token {raw}",
    "{raw}",
    "Bearer {raw}, Bearer {raw}",
    "Bearer {raw} {raw}",
    "Bearer\t{raw}",
    "Bearer {raw}x",
    "Bearer x{raw}",
    "Bearer {upper}",
    "Bearer mrag_",
    "Bearer mrag_' OR 1=1 --",
    "Bearer mrag_%00",
    "Bearer null",
    "Bearer undefined",
    "Bearer []",
    "Bearer a.b.c",
    "Bearer ..",
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "Bearer mragw_",
    "Bearer mragw_a.b.c",
    "Bearer " + "a" * 5000,
    "Bearer " + "a." * 2500,
    "Bearer mrag_\u00e9",
    "Bearer {jndi:ldap://x}",
    "Bearer ../../etc/passwd",
]


@pytest.mark.parametrize("header", HOSTILE)
def test_hostile_headers_are_401_in_the_same_words(tenant: Tenant, header: str) -> None:
    raw = token_of(tenant)
    value = header.replace("{raw}", raw).replace("{upper}", raw.upper())
    answer = Client(headers={"authorization": value}).get("/v1/api-tokens")
    assert answer.status_code == 401, answer.content
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("unauthenticated", "A valid credential is needed.")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert raw not in answer.content.decode()


def test_only_the_authorization_header_carries(tenant: Tenant) -> None:
    raw = token_of(tenant)
    assert client_for(raw).get("/v1/tenants/me").status_code == 200
    assert Client().get(f"/v1/tenants/me?token={raw}").status_code == 401
    assert Client().get(f"/v1/tenants/me?access_token={raw}").status_code == 401
    assert Client(headers={"x-api-key": raw}).get("/v1/tenants/me").status_code == 401
    client = Client()
    client.cookies["token"] = raw
    assert client.get("/v1/tenants/me").status_code == 401


def test_the_database_holds_no_usable_token(tenant: Tenant) -> None:
    raw = (
        client_for(token_of(tenant))
        .post("/v1/api-tokens", {"name": "n", "scopes": ["read"]}, content_type=JSON)
        .json()["token"]
    )
    with platform_scope("tests"):
        rows = str(list(ApiToken.objects.values()))
    assert raw not in rows and raw[9:-4] not in rows
    assert tokens.digest(raw) in rows


def test_revoking_one_leaves_the_others(tenant: Tenant) -> None:
    keeper, victim = client_for(token_of(tenant)), token_of(tenant, ["read"])
    listed = keeper.get("/v1/api-tokens").json()["results"]
    row = next(one for one in listed if one["scopes"] == ["read"])
    assert row["last_four"] == victim[-4:] and row["prefix"] == victim[:9]
    assert client_for(victim).get("/v1/tenants/me").status_code == 200
    assert keeper.delete(f"/v1/api-tokens/{row['id']}").status_code == 204
    assert client_for(victim).get("/v1/tenants/me").status_code == 401
    assert keeper.get("/v1/tenants/me").status_code == 200
    assert keeper.get(f"/v1/api-tokens/{row['id']}").status_code == 404


def test_an_expired_token_is_refused(tenant: Tenant) -> None:
    raw = token_of(tenant)
    with platform_scope("tests"):
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client_for(raw).get("/v1/tenants/me").status_code == 401


def test_all_that_is_wrong_with_a_new_one_is_said_at_once(tenant: Tenant) -> None:
    wrong = {"name": "", "scopes": ["read", "read"], "expires_at": "2020-01-01T00:00:00Z", "x": 1}
    answer = client_for(token_of(tenant)).post(
        "/v1/api-tokens", wrong, content_type="application/json"
    )
    assert answer.json()["error"]["fields"].keys() == wrong.keys()


def test_last_used_is_noted_at_most_once_a_minute(tenant: Tenant) -> None:
    raw = token_of(tenant)
    client_for(raw).get("/v1/tenants/me")
    with platform_scope("tests"):
        first = ApiToken.objects.get().last_used_at
    assert first is not None
    client_for(raw).get("/v1/tenants/me")
    with platform_scope("tests"):
        assert ApiToken.objects.get().last_used_at == first
        ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    client_for(raw).get("/v1/tenants/me")
    with platform_scope("tests"):
        assert ApiToken.objects.get().last_used_at >= first


def test_suspension_refuses_every_kind_at_once(tenant: Tenant, other_tenant: Tenant) -> None:
    user = person(tenant)
    browser = Client()
    browser.force_login(user)
    clients = [client_for(token_of(tenant)), client_for(jwt_of(user, tenant)), browser]
    neighbour = client_for(token_of(other_tenant))
    assert [one.get("/v1/tenants/me").status_code for one in clients] == [200, 200, 200]
    with platform_scope("tests"):
        suspend_tenant(system_context(tenant.pk, "tests"), tenant)
    assert [one.get("/v1/tenants/me").status_code for one in clients] == [401, 401, 401]
    assert neighbour.get("/v1/tenants/me").status_code == 200
    with platform_scope("tests"):
        resume_tenant(system_context(tenant.pk, "tests"), tenant)
    assert [one.get("/v1/tenants/me").status_code for one in clients] == [200, 200, 200]


def test_a_widget_token_is_no_api_credential(tenant: Tenant) -> None:
    raw, expires_at = widget_tokens.issue(tenant.pk, tenant.pk, tenant.pk, "https://a.test")
    assert timezone.now() + timedelta(minutes=29) < expires_at
    for path in ("/v1/tenants/me", "/v1/users", "/v1/api-tokens", "/v1/auth/me"):
        assert client_for(raw).get(path).status_code == 403
    body = raw.removeprefix("mragw_")
    assert client_for(body).get("/v1/tenants/me").status_code == 401


def test_kinds_of_jwt_do_not_stand_in_for_each_other(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    pair = (
        Client()
        .post(
            "/v1/auth/login",
            {"email": "p@acorn.test", "password": "correct horse battery staple"},
            content_type=JSON,
        )
        .json()
    )
    assert client_for(pair["refresh"]).get("/v1/tenants/me").status_code == 401
    wrong = Client().post("/v1/auth/refresh", {"refresh": pair["access"]}, content_type=JSON)
    assert wrong.status_code == 401
    nulls: tuple[Any, ...] = (None, "", [], {}, 0, False)
    for null in nulls:
        answer = Client().post("/v1/auth/refresh", {"refresh": null}, content_type=JSON)
        assert answer.status_code == 400, null


def test_a_demotion_acts_on_the_next_request(tenant: Tenant) -> None:
    user = person(tenant, Role.ADMIN)
    client = client_for(jwt_of(user, tenant))
    token = client_for(token_of(tenant, ["admin"], by=user))
    assert client.get("/v1/users").status_code == token.get("/v1/users").status_code == 200
    with platform_scope("tests"):
        Membership.objects.filter(user=user).update(role=Role.VIEWER)
    assert client.get("/v1/users").status_code == token.get("/v1/users").status_code == 403
    assert token.get("/v1/tenants/me").status_code == 200
    with platform_scope("tests"):
        Membership.objects.filter(user=user).delete()
    assert client.get("/v1/tenants/me").status_code == 401
    assert token.get("/v1/tenants/me").status_code == 401


def test_a_logout_ends_access_and_refresh(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    login = {"email": "p@acorn.test", "password": "correct horse battery staple"}
    first = Client().post("/v1/auth/login", login, content_type=JSON).json()
    second = Client().post("/v1/auth/login", login, content_type=JSON).json()
    assert client_for(first["access"]).post("/v1/auth/logout").status_code == 204
    assert client_for(first["access"]).get("/v1/auth/me").status_code == 401
    gone = Client().post("/v1/auth/refresh", {"refresh": first["refresh"]}, content_type=JSON)
    assert gone.status_code == 401
    assert client_for(second["access"]).get("/v1/auth/me").status_code == 200


def test_a_session_needs_its_csrf_token(tenant: Tenant) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person(tenant))
    body = {"name": "n", "scopes": ["read"]}
    answer = browser.post("/v1/api-tokens", body, content_type=JSON)
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "forbidden"
    page = browser.get("/v1/api-tokens", headers={"accept": "text/html"})
    assert page.status_code == 200
    value = browser.cookies["csrftoken"].value
    answer = browser.post("/v1/api-tokens", body, content_type=JSON, headers={"x-csrftoken": value})
    assert answer.status_code == 201, answer.content
    other_site = {"x-csrftoken": value, "origin": "https://evil.example"}
    answer = browser.post("/v1/api-tokens", body, content_type=JSON, headers=other_site)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "origin_refused" and "evil" not in error["message"]
    old_browser = {"x-csrftoken": value, "referer": "https://evil.example/"}
    answer = browser.post(
        "/v1/api-tokens", body, content_type=JSON, headers=old_browser, secure=True
    )
    assert answer.json()["error"]["code"] == "origin_refused"


def test_session_of_the_login_row_is_needed(tenant: Tenant) -> None:
    client = client_for(jwt_of(person(tenant), tenant))
    assert client.get("/v1/auth/me").status_code == 200
    with platform_scope("tests"):
        LoginSession.objects.all().delete()
    assert client.get("/v1/auth/me").status_code == 401


def test_bootstrap_command_prints_what_works(db: None, capsys: Any) -> None:
    call_command("bootstrap_tenant", "--name", "Cedar", "--email", "C@cedar.test", "--json")
    made = json.loads(capsys.readouterr().out)
    assert set(made) == {"tenant", "user", "api_token"}
    assert made["user"]["email"] == "c@cedar.test"
    me = client_for(made["api_token"]).get("/v1/auth/me").json()
    assert me["scopes"] == ["read", "write", "admin", "chat"]
    login = {"email": "c@cedar.test", "password": made["user"]["password"]}
    assert Client().post("/v1/auth/login", login, content_type=JSON).status_code == 200
