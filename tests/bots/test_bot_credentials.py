"""A bot's credentials: write-only, admins only, never sent to a provider they are not for."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from bots.models import BotProfile
from bots.selectors import bot_credentials, credentials_hint
from minirag.fields import Sealed
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.bots.test_bot_api import created, patch, post
from tests.cast import client_for, token_of

KEY = "sk-canary-0123456789-wxyz"
GIVEN = {"model": "openai/gpt-4o-mini", "credentials": {"api_key": KEY}}


def stored(tenant: Tenant, bot_id: str) -> dict[str, str]:
    with tenant_scope(tenant.pk):
        return dict(bot_credentials(BotProfile.objects.get(pk=bot_id)).values)


def test_only_the_last_four_are_ever_read_back(client_a: Client, tenant: Tenant) -> None:
    bot = created(client_a, **GIVEN)
    assert (bot["credentials_set"], bot["credentials_hint"]) == (True, "wxyz")
    for answer in (
        client_a.get(f"/v1/bot-profiles/{bot['id']}"),
        client_a.get("/v1/bot-profiles"),
        patch(client_a, bot["id"], {"name": "n"}),
        patch(client_a, bot["id"], GIVEN),
    ):
        assert b"canary" not in answer.content
    assert stored(tenant, bot["id"]) == {"api_key": KEY}
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM bots_botprofile")
        assert "canary" not in cursor.fetchone()[0]


def test_they_are_replaced_whole_and_null_clears(client_a: Client, tenant: Tenant) -> None:
    bot = created(client_a, **GIVEN)
    patch(client_a, bot["id"], {"credentials": {"organization": "org-1"}})
    assert stored(tenant, bot["id"]) == {"organization": "org-1"}
    cleared = patch(client_a, bot["id"], {"credentials": None}).json()
    assert (cleared["credentials_set"], cleared["credentials_hint"]) == (False, None)
    assert stored(tenant, bot["id"]) == {}


@pytest.mark.parametrize(
    "credentials",
    [
        {"api_key": ""},
        {"api_key": "   "},
        {"api_key": 5},
        {"api_key": None},
        {"api_key": ["x"]},
        {"api_key": "a\nb"},
        {"api_key": "x" * 5_000},
        {"api_key": KEY, "mock_response": "x"},
        {"api_key": KEY, "aws_session_token": "x"},
        {"api_key": KEY, "vertex_credentials": "/etc/passwd"},
        {"api_key": KEY, "proxy": "http://x"},
        {"api_key": KEY, "api_base": "not an address"},
        {"api_key": KEY, "api_base": "https://user:pw@x.example"},
        {"api_key": KEY, "api_base": "https://xn--/v1"},
    ],
)
def test_what_a_provider_does_not_take_is_refused(
    client_a: Client, credentials: dict[str, Any]
) -> None:
    answer = post(client_a, {"name": "x", **GIVEN, "credentials": credentials})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert any(name.startswith("credentials") for name in answer.json()["error"]["fields"])
    assert b"canary" not in answer.content


def test_a_local_model_takes_none(client_a: Client) -> None:
    answer = post(client_a, {"name": "x", "credentials": {"api_key": KEY}})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:11434/v1", "http://169.254.169.254/", "http://[::1]/"]
)
def test_a_base_that_may_not_be_called_is_refused_when_it_is_given(
    client_a: Client, base: str
) -> None:
    body = {"name": "x", **GIVEN, "credentials": {"api_key": KEY, "api_base": base}}
    answer = post(client_a, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "address_refused")


def test_setting_and_clearing_them_needs_admin(client_a: Client, tenant: Tenant) -> None:
    bot = created(client_a, **GIVEN)
    writer = client_for(token_of(tenant, ["write"]))
    for answer in (
        post(writer, {"name": "x", **GIVEN}),
        patch(writer, bot["id"], GIVEN),
        patch(writer, bot["id"], {"credentials": None}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert patch(writer, bot["id"], {"name": "n"}).status_code == 200
    assert stored(tenant, bot["id"]) == {"api_key": KEY}


def test_a_key_does_not_follow_the_bot_to_another_provider(
    client_a: Client, tenant: Tenant
) -> None:
    bot = created(client_a, **GIVEN)
    for model in ("openai/gpt-4o", "gpt-4o", "local/extractive", "openai/gpt-4o-mini"):
        answer = patch(client_a, bot["id"], {"model": model})
        if model == "openai/gpt-4o-mini":  # from local, nobody knows any more whose key it was
            assert answer.status_code == 400
        else:
            assert answer.status_code == 200, model
    bot = created(client_a, **GIVEN)
    answer = patch(client_a, bot["id"], {"model": "mistral/mistral-small-latest"})
    assert answer.status_code == 400
    assert "credentials" in answer.json()["error"]["fields"]
    for credentials in ({"api_key": "another-key-of-mistral"}, None):
        fresh = created(client_a, **GIVEN)
        answer = patch(
            client_a,
            fresh["id"],
            {"model": "mistral/mistral-small-latest", "credentials": credentials},
        )
        assert answer.status_code == 200
        assert stored(tenant, fresh["id"]) == (credentials or {})


def test_a_short_key_shows_nothing_of_itself(client_a: Client) -> None:
    bot = created(client_a, **{**GIVEN, "credentials": {"api_key": "short"}})
    assert (bot["credentials_set"], bot["credentials_hint"]) == (True, None)


def test_a_bot_stays_readable_when_its_ciphertext_does_not_open(
    client_a: Client, tenant: Tenant
) -> None:
    bot = created(client_a, **GIVEN)
    with tenant_scope(tenant.pk):
        BotProfile.objects.update(credentials=Sealed("v1:broken"))
        assert credentials_hint(BotProfile.objects.get()) is None
    shown = client_a.get(f"/v1/bot-profiles/{bot['id']}")
    assert shown.status_code == 200
    assert (shown.json()["credentials_set"], shown.json()["credentials_hint"]) == (True, None)
    answer = post(client_a, {}, f"bot-profiles/{bot['id']}/check").json()
    assert answer["error"]["code"] == "provider_misconfigured"
