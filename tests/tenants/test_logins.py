"""Logins: right and wrong, throttled, and the same words for known and unknown accounts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.utils import timezone

from ingestion.housekeeping import keep_house
from tenants import jwt
from tenants.credentials import active_membership
from tenants.models import AuditEvent, LoginSession, Tenant
from tenants.scope import platform_scope
from tests.cast import PASSWORD, client_for, person

JSON = "application/json"


def login(**body: Any) -> Any:
    return Client().post("/v1/auth/login", body, content_type=JSON)


def without_id(answer: Any) -> Any:
    body = answer.json()
    body["error"].pop("request_id")
    return answer.status_code, body


def test_login_refresh_me(tenant: Tenant) -> None:
    user = person(tenant, email="p@acorn.test")
    answer = login(email=" P@Acorn.test ", password=PASSWORD)
    assert answer.status_code == 200, answer.content
    pair = answer.json()
    assert set(pair) == {"access", "refresh"} and answer["Cache-Control"] == "no-store"
    me = client_for(pair["access"]).get("/v1/auth/me").json()
    assert me["user"] == {"id": str(user.pk), "email": "p@acorn.test", "name": ""}
    assert me["role"] == "owner" and me["tenant"]["slug"] == "acorn"
    fresh = Client().post("/v1/auth/refresh", {"refresh": pair["refresh"]}, content_type=JSON)
    assert client_for(fresh.json()["access"]).get("/v1/auth/me").status_code == 200
    with platform_scope("tests"):
        assert AuditEvent.objects.get(action="auth.login").actor == "p@acorn.test"


def refresh(token: str) -> Any:
    return Client().post("/v1/auth/refresh", {"refresh": token}, content_type=JSON)


def rotated_ago(seconds: float) -> None:
    with platform_scope("tests"):
        LoginSession.objects.update(rotated_at=timezone.now() - timedelta(seconds=seconds))


def test_a_used_refresh_token_that_comes_again_ends_the_login(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    first, other = (login(email="p@acorn.test", password=PASSWORD).json() for _ in "ab")
    second = refresh(first["refresh"]).json()
    assert second["refresh"] != first["refresh"]
    third = refresh(second["refresh"]).json()
    answer = refresh(first["refresh"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert refresh(third["refresh"]).status_code == 401
    for pair in (first, second, third):
        assert client_for(pair["access"]).get("/v1/auth/me").status_code == 401
    assert client_for(other["access"]).get("/v1/auth/me").status_code == 200
    assert refresh(other["refresh"]).status_code == 200
    with platform_scope("tests"):
        told = AuditEvent.objects.get(action="auth.refresh")
    assert (told.outcome, told.actor) == ("unauthenticated", "p@acorn.test")


def test_a_refresh_may_be_repeated_for_a_moment(tenant: Tenant, settings: Any) -> None:
    """A client of two tabs, or one that did not hear the answer."""
    settings.MINIRAG_REFRESH_GRACE_SECONDS = 30
    person(tenant, email="p@acorn.test")
    first = login(email="p@acorn.test", password=PASSWORD).json()["refresh"]
    pairs = [refresh(first).json() for _ in "ab"]
    for pair in pairs:
        assert client_for(pair["access"]).get("/v1/auth/me").status_code == 200
    # Both hold the same token: whichever goes on first, the other one may follow.
    again = [refresh(pair["refresh"]) for pair in pairs]
    assert [answer.status_code for answer in again] == [200, 200]
    last = again[0].json()["refresh"]
    assert refresh(last).status_code == 200
    rotated_ago(31)
    assert refresh(last).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_many_refreshes_at_once_none_logs_out(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    first = login(email="p@acorn.test", password=PASSWORD).json()["refresh"]
    start = Barrier(4)

    def ask() -> Any:
        try:
            start.wait()
            return refresh(first).json()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        pairs = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    with platform_scope("tests"):
        out = LoginSession.objects.get().refresh_id
    assert {jwt.verify(pair["refresh"], "refresh").token_id for pair in pairs} == {out}


def test_a_login_from_before_tokens_were_counted_goes_on(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    first = login(email="p@acorn.test", password=PASSWORD).json()["refresh"]
    with platform_scope("tests"):
        LoginSession.objects.update(refresh_id=None)
    second = refresh(first).json()["refresh"]
    assert refresh(second).status_code == 200
    assert refresh(first).status_code == 401


def test_a_login_that_is_swept_while_it_is_renewed(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(tenant, email="p@acorn.test")
    token = login(email="p@acorn.test", password=PASSWORD).json()["refresh"]

    def then_swept(*args: Any) -> Any:
        place = active_membership(*args)
        LoginSession.objects.all().delete()
        return place

    monkeypatch.setattr("tenants.services.logins.active_membership", then_swept)
    assert refresh(token).status_code == 401


def test_logins_that_are_over_are_swept(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    ended, over, live = (login(email="p@acorn.test", password=PASSWORD).json() for _ in "abc")
    assert client_for(ended["access"]).post("/v1/auth/logout").status_code == 204
    with platform_scope("tests"):
        oldest = LoginSession.objects.filter(pk=jwt.verify(over["refresh"], "refresh").session_id)
        oldest.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert keep_house()["logins that are over"] == 2
    assert refresh(ended["refresh"]).status_code == refresh(over["refresh"]).status_code == 401
    assert refresh(live["refresh"]).status_code == 200


def test_known_and_unknown_accounts_answer_alike(tenant: Tenant, other_tenant: Tenant) -> None:
    person(tenant, email="known@acorn.test")
    person(tenant, email="off@acorn.test", is_active=False)
    invited = get_user_model().objects.create_user("invited@acorn.test", None)
    assert not invited.has_usable_password()
    get_user_model().objects.create_user("nowhere@acorn.test", PASSWORD)
    wrong = [
        login(email="known@acorn.test", password="wrong"),
        login(email="unknown@acorn.test", password="wrong"),
        login(email="unknown@acorn.test", password="wrong", tenant="acorn"),
        login(email="off@acorn.test", password=PASSWORD),
        login(email="invited@acorn.test", password=""),
        login(email="not an address", password="wrong"),
        login(email="nowhere@acorn.test", password=PASSWORD),
        login(email="known@acorn.test", password="wrong", tenant="birch"),
    ]
    wrong.pop(4)  # an empty password is no input at all
    assert len({str(without_id(one)) for one in wrong}) == 1
    assert wrong[0].status_code == 401


def test_unknown_accounts_cost_a_hash_too(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    person(tenant, email="known@acorn.test")
    hashed: list[str] = []
    real = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return real(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    costs = []
    for email in ("known@acorn.test", "unknown@acorn.test"):
        hashed.clear()
        login(email=email, password="wrong")
        costs.append(len(hashed))
    assert costs[0] == costs[1] >= 1


def test_wrong_logins_are_throttled_per_account_and_address(tenant: Tenant, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    person(tenant, email="p@acorn.test")
    person(tenant, email="q@acorn.test")
    # Another spelling of the address is the same account.
    for spelling in ("p@acorn.test", "P@ACORN.test", " p@acorn.test"):
        last = login(email=spelling, password="wrong")
    assert last.status_code == 429
    locked = login(email="p@acorn.test", password=PASSWORD)
    assert locked.status_code == 429 and locked.json()["error"]["code"] == "rate_limited"
    assert int(locked["Retry-After"]) == 900
    assert login(email="q@acorn.test", password=PASSWORD).status_code == 200
    for _ in range(3):
        unknown = login(email="unknown@acorn.test", password="wrong")
    assert without_id(unknown) == without_id(locked)
    elsewhere = Client(REMOTE_ADDR="192.0.2.7").post(
        "/v1/auth/login", {"email": "p@acorn.test", "password": PASSWORD}, content_type=JSON
    )
    assert elsewhere.status_code == 200
    spoofed = Client(headers={"x-forwarded-for": "192.0.2.9"}).post(
        "/v1/auth/login", {"email": "p@acorn.test", "password": PASSWORD}, content_type=JSON
    )
    assert spoofed.status_code == 429


def test_choices_are_named_only_behind_the_right_password(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    user = person(tenant, email="p@acorn.test")
    with platform_scope("tests"):
        user.memberships.create(tenant=other_tenant, role="viewer", accepted_at=timezone.now())
    assert login(email="p@acorn.test", password="wrong").status_code == 401
    for extra in ({}, {"tenant": "oak"}):
        answer = login(email="p@acorn.test", password=PASSWORD, **extra)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["code"], error["fields"]) == ("invalid", {"tenant": ["acorn", "birch"]})
    chosen = login(email="p@acorn.test", password=PASSWORD, tenant="birch").json()
    me = client_for(chosen["access"]).get("/v1/auth/me").json()
    assert (me["tenant"]["slug"], me["role"]) == ("birch", "viewer")


def test_a_new_password_ends_the_other_logins(tenant: Tenant) -> None:
    person(tenant, email="p@acorn.test")
    here, there = (login(email="p@acorn.test", password=PASSWORD).json() for _ in "ab")
    client = client_for(here["access"])

    def change(old: str, new: str) -> Any:
        return client.post("/v1/auth/password", {"old": old, "new": new}, content_type=JSON)

    assert change("wrong", "a long new password").json()["error"]["fields"].keys() == {"old"}
    assert change(PASSWORD, "short").json()["error"]["fields"].keys() == {"new"}
    assert change(PASSWORD, "a long new password").status_code == 204
    assert client.get("/v1/auth/me").status_code == 200
    assert client_for(there["access"]).get("/v1/auth/me").status_code == 401
    assert login(email="p@acorn.test", password=PASSWORD).status_code == 401
    assert login(email="p@acorn.test", password="a long new password").status_code == 200


@pytest.mark.parametrize("old", [PASSWORD, "wrong", None])
@pytest.mark.parametrize("scopes", [["read"], ["write"], ["admin"], ["admin", "chat"], ["chat"]])
def test_no_token_changes_or_guesses_its_creators_password(
    tenant: Tenant, scopes: list[str], old: str | None
) -> None:
    owner = person(tenant, email="p@acorn.test")
    access = login(email="p@acorn.test", password=PASSWORD).json()["access"]
    made = client_for(access).post(
        "/v1/api-tokens", {"name": "script", "scopes": scopes}, content_type=JSON
    )
    body = {"new": "a long new password"} | ({"old": old} if old else {})
    client = client_for(made.json()["token"])
    answer = client.post("/v1/auth/password", body, content_type=JSON)
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "forbidden"
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_a_token_is_not_its_creator(tenant: Tenant) -> None:
    """Not in its own description, not as an owner, and its logout ends no login."""
    owner = person(tenant, email="p@acorn.test")
    person_client = client_for(login(email="p@acorn.test", password=PASSWORD).json()["access"])
    made = person_client.post(
        "/v1/api-tokens", {"name": "script", "scopes": ["admin", "chat"]}, content_type=JSON
    )
    token = client_for(made.json()["token"])
    me = token.get("/v1/auth/me").json()
    assert (me["kind"], me["user"], me["role"]) == ("token", None, None)
    assert token.post("/v1/auth/logout").status_code == 204
    assert person_client.get("/v1/auth/me").json()["user"]["id"] == str(owner.pk)
    own = next(
        one["id"] for one in token.get("/v1/users").json()["results"] if one["role"] == "owner"
    )
    address = f"/v1/users/{own}"
    refused = [
        token.patch(address, {"role": "viewer"}, content_type=JSON),
        token.delete(address),
        token.post("/v1/users", {"email": "q@acorn.test", "role": "owner"}, content_type=JSON),
    ]
    assert [one.status_code for one in refused] == [403, 403, 403]
