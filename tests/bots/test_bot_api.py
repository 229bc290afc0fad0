"""Bots over HTTP: every field, slugs, sources, widget, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bots.models import BotProfile, BotSource
from bots.services import create_bot
from chat.models import Chat, Message
from tenants.models import AuditEvent, Tenant
from tenants.scope import tenant_scope
from tests.cast import client_for, token_of
from tests.sources.rows import acting, make_source
from usage.models import UsageEvent

FIELDS = {
    "id", "name", "slug", "model", "credentials_set", "credentials_hint", "system_prompt",
    "temperature", "max_output_tokens", "source_ids", "top_k", "score_threshold", "query_rewrite",
    "refusal_message", "welcome_message", "suggested_questions", "widget", "is_active",
    "created_at", "updated_at",
}  # fmt: skip


def post(client: Client, body: Any, path: str = "bot-profiles") -> Any:
    return client.post(f"/v1/{path}", body, content_type="application/json")


def patch(client: Client, bot_id: str, body: Any) -> Any:
    return client.patch(f"/v1/bot-profiles/{bot_id}", body, content_type="application/json")


def created(client: Client, **values: Any) -> dict[str, Any]:
    answer = post(client, {"name": "Helper", **values})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def make_sources(tenant: Tenant, count: int) -> list[str]:
    with tenant_scope(tenant.pk):
        return sorted(str(make_source(tenant).pk) for _ in range(count))


def test_a_name_is_enough_and_the_rest_has_defaults(client_a: Client) -> None:
    bot = created(client_a)
    assert bot.keys() == FIELDS
    assert (bot["slug"], bot["model"], bot["top_k"]) == ("helper", "local/extractive", 5)
    assert (bot["query_rewrite"], bot["is_active"], bot["source_ids"]) == ("auto", True, [])
    assert (bot["temperature"], bot["max_output_tokens"], bot["score_threshold"]) == (None,) * 3
    assert (bot["credentials_set"], bot["credentials_hint"]) == (False, None)
    assert bot["widget"].keys() == {
        "public_id", "enabled", "allowed_origins", "daily_message_limit", "theme",
    }  # fmt: skip
    assert bot["widget"]["enabled"] is False and bot["widget"]["public_id"]
    assert client_a.get(f"/v1/bot-profiles/{bot['id']}").json() == bot
    assert client_a.get("/v1/bot-profiles").json()["results"] == [bot]


def test_every_field_is_written_and_read_back(client_a: Client, tenant: Tenant) -> None:
    values = {
        "name": "Full",
        "slug": "my-bot",
        "model": "openai/gpt-4o-mini",
        "system_prompt": "  Be kind.\n",
        "temperature": 0.5,
        "max_output_tokens": 100,
        "source_ids": make_sources(tenant, 3),
        "top_k": 50,
        "score_threshold": 1,
        "query_rewrite": "off",
        "refusal_message": "No.",
        "welcome_message": "",
        "suggested_questions": ["Why?", "How?"],
        "is_active": False,
    }
    widget = {"enabled": True, "allowed_origins": ["https://a.example"], "theme": "dark"}
    bot = created(client_a, **values, widget={**widget, "daily_message_limit": 0})
    assert {name: bot[name] for name in values} == values
    assert widget.items() <= bot["widget"].items()
    plain = created(client_a)
    changed = patch(client_a, plain["id"], {**values, "slug": "other", "widget": widget}).json()
    assert {name: changed[name] for name in values} == {**values, "slug": "other"}


def test_null_takes_a_number_away(client_a: Client) -> None:
    bot = created(client_a, temperature=1, max_output_tokens=5, score_threshold=0)
    nothing = {"temperature": None, "max_output_tokens": None, "score_threshold": None}
    assert nothing.items() <= patch(client_a, bot["id"], nothing).json().items()


def test_widget_is_merged(client_a: Client) -> None:
    bot = created(client_a, widget={"enabled": True, "theme": "dark"})
    changed = patch(client_a, bot["id"], {"widget": {"theme": "light"}}).json()
    assert changed["widget"] == {**bot["widget"], "theme": "light"}
    assert patch(client_a, bot["id"], {"widget": {}}).json()["widget"] == changed["widget"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café au lait!", "cafe-au-lait"),
        ("日本語", "bot"),
        ("---", "bot"),
        ("a_b__c", "a-b-c"),
        ("x" * 200, "x" * 80),
    ],
)
def test_a_slug_comes_from_the_name(client_a: Client, name: str, slug: str) -> None:
    assert created(client_a, name=name)["slug"] == slug
    again = created(client_a, name=name)["slug"]
    assert again.endswith("-2") and len(again) <= 80


def test_the_same_name_gets_the_next_number_and_a_taken_slug_is_refused(
    client_a: Client, client_b: Client
) -> None:
    slugs = [created(client_a)["slug"] for _ in range(3)]
    assert slugs == ["helper", "helper-2", "helper-3"]
    assert created(client_b)["slug"] == "helper"
    for answer in (
        post(client_a, {"name": "x", "slug": "helper"}),
        patch(client_a, created(client_a, name="y")["id"], {"slug": "helper"}),
    ):
        assert answer.status_code == 400 and "slug" in answer.json()["error"]["fields"]
    third = client_a.get("/v1/bot-profiles").json()["results"][-1]
    assert patch(client_a, third["id"], {"slug": third["slug"]}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_bots_of_one_name_made_at_once_get_different_slugs(tenant: Tenant) -> None:
    start = Barrier(8)

    def make(_: int) -> str:
        try:
            start.wait()
            return str(create_bot(acting(tenant), name="Same").slug)
        finally:
            connection.close()

    with tenant_scope(tenant.pk), ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(copy_context().run, make, number) for number in range(8)]
        slugs = {future.result() for future in futures}
    assert slugs == {"same", *(f"same-{number}" for number in range(2, 9))}


def test_sources_foreign_deleted_and_missing_are_refused_in_the_same_words(
    client_a: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    (own,), (foreign,) = make_sources(tenant, 1), make_sources(other_tenant, 1)
    with tenant_scope(tenant.pk):
        deleted = str(make_source(tenant, deleted_at="2026-01-01T00:00:00Z").pk)
    bot = created(client_a, source_ids=[own])
    errors = []
    for bad in (foreign, deleted, str(uuid4())):
        for answer in (
            post(client_a, {"name": "x", "source_ids": [own, bad]}),
            patch(client_a, bot["id"], {"source_ids": [bad]}),
        ):
            assert answer.status_code == 400
            error = answer.json()["error"]
            error.pop("request_id")
            errors.append(error)
    assert all(error == errors[0] for error in errors)
    assert client_a.get(f"/v1/bot-profiles/{bot['id']}").json()["source_ids"] == [own]


def test_source_ids_are_replaced_whole(client_a: Client, tenant: Tenant) -> None:
    ids = make_sources(tenant, 4)
    bot = created(client_a, source_ids=[ids[0], ids[1], ids[0]])
    assert bot["source_ids"] == ids[:2]
    changed = patch(client_a, bot["id"], {"source_ids": ids[1:]}).json()
    assert changed["source_ids"] == ids[1:]
    assert patch(client_a, bot["id"], {"name": "n"}).json()["source_ids"] == ids[1:]
    assert patch(client_a, bot["id"], {"source_ids": []}).json()["source_ids"] == []
    with tenant_scope(tenant.pk):
        assert not BotSource.objects.exists()


def test_a_deleted_source_is_in_no_bot(client_a: Client, tenant: Tenant) -> None:
    gone, stays = make_sources(tenant, 2)
    bot = created(client_a, source_ids=[gone, stays])
    assert client_a.delete(f"/v1/sources/{gone}").status_code == 202
    assert client_a.get(f"/v1/bot-profiles/{bot['id']}").json()["source_ids"] == [stays]
    (listed,) = client_a.get("/v1/bot-profiles").json()["results"]
    assert listed["source_ids"] == [stays]


def test_a_deleted_bot_is_gone_with_its_chats_and_its_usage_stays(
    client_a: Client, tenant: Tenant
) -> None:
    bot = created(client_a)
    with tenant_scope(tenant.pk):
        chat = Chat.objects.create(tenant=tenant, bot_id=bot["id"])
        Message.objects.create(tenant=tenant, chat=chat, ordinal=0, role="user", content="q")
        UsageEvent.objects.create(
            tenant=tenant, kind="generation", model="m", bot_profile_id=UUID(bot["id"])
        )
    assert client_a.delete(f"/v1/bot-profiles/{bot['id']}").status_code == 204
    for send in (client_a.get, client_a.delete):
        assert send(f"/v1/bot-profiles/{bot['id']}").status_code == 404
    with tenant_scope(tenant.pk):
        assert not Chat.objects.exists() and not Message.objects.exists()
        assert UsageEvent.objects.count() == 1
    assert created(client_a)["slug"] == "helper"


def test_another_tenants_bot_answers_as_one_that_does_not_exist(
    client_a: Client, client_b: Client
) -> None:
    bot_id = created(client_a)["id"]
    for path in (f"bot-profiles/{bot_id}", f"bot-profiles/{bot_id}/check"):
        for send in (client_b.get, client_b.post, client_b.patch, client_b.delete):
            foreign = send(f"/v1/{path}")
            random = send(f"/v1/{path.replace(bot_id, str(uuid4()))}")
            assert foreign.status_code == random.status_code == 404
            assert foreign.json()["error"]["message"] == random.json()["error"]["message"]
    assert client_b.get("/v1/bot-profiles").json()["results"] == []


def test_reading_needs_read_and_writing_needs_write(client_a: Client, tenant: Tenant) -> None:
    bot = created(client_a)
    reader = client_for(token_of(tenant, ["read"]))
    assert reader.get("/v1/bot-profiles").status_code == 200
    for answer in (
        post(reader, {"name": "x"}),
        patch(reader, bot["id"], {"name": "x"}),
        reader.delete(f"/v1/bot-profiles/{bot['id']}"),
        post(reader, {}, f"bot-profiles/{bot['id']}/check"),
    ):
        assert answer.status_code == 403


def test_a_list_costs_the_same_queries_however_many_bots(client_a: Client, tenant: Tenant) -> None:
    def queries(send: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert send().status_code == 200
        return len(seen)

    ids = make_sources(tenant, 3)
    created(client_a, source_ids=ids)
    client_a.get("/v1/bot-profiles")
    one = queries(lambda: client_a.get("/v1/bot-profiles"))
    for _ in range(6):
        created(client_a, source_ids=ids)
    # The token, the bots, their sources.
    assert queries(lambda: client_a.get("/v1/bot-profiles")) == one == 3


def test_each_change_leaves_one_audit_row_without_values(client_a: Client, tenant: Tenant) -> None:
    bot = created(client_a, model="gpt-4o", credentials={"api_key": "sk-canary-000000"})
    patch(client_a, bot["id"], {"system_prompt": "secret prompt", "credentials": None})
    client_a.delete(f"/v1/bot-profiles/{bot['id']}")
    with tenant_scope(tenant.pk):
        rows = list(AuditEvent.objects.filter(action__startswith="bot.").order_by("created_at"))
        assert [row.action for row in rows] == ["bot.create", "bot.update", "bot.delete"]
        assert "canary" not in str([row.detail for row in rows])
        assert not BotProfile.objects.exists()
