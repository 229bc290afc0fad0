"""Credentials of long-lived connections: what a socket asks again while it is open."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from minirag.errors import Unauthenticated
from tenants import widget_tokens
from tenants.authentication import authenticate_token, still_valid
from tenants.context import ActorKind, AuthContext, system_context
from tenants.models import ApiToken, LoginSession, Membership, Role, Tenant, TokenScope
from tenants.scope import platform_scope, tenant_scope
from tenants.services import revoke_api_token, suspend_tenant
from tests.cast import client_for, jwt_of, person, token_of


def all_kinds(tenant: Tenant) -> list[AuthContext]:
    user = person(tenant, Role.EDITOR)
    widget, _ = widget_tokens.issue(uuid.uuid4(), tenant.pk, uuid.uuid4(), "https://a.test")
    raws = [token_of(tenant), token_of(tenant, ["write"], by=user), jwt_of(user, tenant), widget]
    return [authenticate_token(raw, ip="192.0.2.1", request_id="r") for raw in raws]


def validity(contexts: list[AuthContext]) -> list[bool]:
    return [still_valid(auth) for auth in contexts]


def test_suspension_ends_all_of_them(tenant: Tenant) -> None:
    contexts = all_kinds(tenant)
    assert validity(contexts) == [True] * 4
    assert contexts[0].ip == "192.0.2.1" and contexts[0].request_id == "r"
    with platform_scope("tests"):
        suspend_tenant(system_context(tenant.pk, "tests"), tenant)
    assert validity(contexts) == [False] * 4
    assert still_valid(system_context(tenant.pk, "tests"))


def test_a_demotion_ends_what_was_more(tenant: Tenant) -> None:
    contexts = all_kinds(tenant)
    with platform_scope("tests"):
        Membership.objects.update(role=Role.VIEWER)
    assert validity(contexts) == [True, False, False, True]
    with platform_scope("tests"):
        Membership.objects.update(role=Role.ADMIN)
    assert validity(contexts) == [True] * 4


def test_revocation_and_logout(tenant: Tenant) -> None:
    contexts = all_kinds(tenant)
    with tenant_scope(tenant.pk):
        row = ApiToken.objects.get(pk=contexts[0].actor_id)
        revoke_api_token(system_context(tenant.pk, "tests"), row)
        LoginSession.objects.update(revoked_at=timezone.now())
    assert validity(contexts) == [False, True, False, True]


def test_time_runs_out(tenant: Tenant) -> None:
    for auth in all_kinds(tenant):
        old = dataclasses.replace(auth, expires_at=timezone.now() - timedelta(seconds=1))
        assert not still_valid(old)


def test_a_widget_session_is_one_visitor_of_one_bot(tenant: Tenant) -> None:
    bot, visitor = uuid.uuid4(), uuid.uuid4()
    raw, expires_at = widget_tokens.issue(bot, tenant.pk, visitor, "https://a.test")
    auth = authenticate_token(raw)
    assert auth.kind is ActorKind.WIDGET and auth.scopes == {TokenScope.CHAT}
    assert auth.widget is not None and auth.expires_at == expires_at
    assert (auth.widget.bot_profile_id, auth.widget.visitor_id) == (bot, visitor)
    assert auth.widget.origin == "https://a.test"
    assert set(raw) <= set("-_.") | set(map(chr, range(48, 58))) | {
        letter for code in range(65, 91) for letter in (chr(code), chr(code + 32))
    }  # fits a WebSocket subprotocol name
    for place in (10, len(raw) // 2, len(raw) - 3):
        other = "A" if raw[place] != "A" else "B"
        with pytest.raises(Unauthenticated):
            authenticate_token(raw[:place] + other + raw[place + 1 :])


def test_an_api_token_of_somebody_who_left_and_came_back(tenant: Tenant) -> None:
    user = person(tenant, Role.ADMIN)
    raw = token_of(tenant, ["admin"], by=user)
    with platform_scope("tests"):
        Membership.objects.filter(user=user).delete()
    with pytest.raises(Unauthenticated):
        authenticate_token(raw)
    with platform_scope("tests"):
        Membership.objects.create(
            tenant=tenant, user=user, role=Role.VIEWER, accepted_at=timezone.now()
        )
    assert authenticate_token(raw).scopes == {TokenScope.READ}


def test_public_calls_are_counted_by_address(db: None, settings: object) -> None:
    settings.MINIRAG_RATE_API = 2  # type: ignore[attr-defined]
    body = {"refresh": "x"}
    statuses = [
        Client().post("/v1/auth/refresh", body, content_type="application/json").status_code
        for _ in range(3)
    ]
    assert statuses == [401, 401, 429]
    elsewhere = Client(REMOTE_ADDR="192.0.2.5")
    assert (
        elsewhere.post("/v1/auth/refresh", body, content_type="application/json").status_code == 401
    )


def test_invented_visitors_share_their_address(tenant: Tenant, settings: object) -> None:
    settings.MINIRAG_RATE_WIDGET = 2  # type: ignore[attr-defined]
    bot = uuid.uuid4()
    statuses = []
    for _ in range(11):
        raw, _expires = widget_tokens.issue(bot, tenant.pk, uuid.uuid4(), "https://a.test")
        statuses.append(client_for(raw).get("/v1/auth/me").status_code)
    assert statuses == [403] * 10 + [429]
