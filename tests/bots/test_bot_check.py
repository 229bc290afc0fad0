"""The check of a bot: one tiny metered call, and in plain words what to change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.test import Client

from bots import checking
from minirag.errors import (
    MiniRAGError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from minirag.providers import fake_chat_model
from minirag.providers.fakes import FakeChatModel
from minirag.types import ChatRequest, Delta, Finish, TokenUsage
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.bots.test_bot_api import created, post
from usage.models import UsageEvent


@pytest.fixture
def model() -> Iterator[FakeChatModel]:
    """A fresh ``fake/chat``."""
    fake_chat_model.cache_clear()
    yield fake_chat_model()
    fake_chat_model.cache_clear()


def check(client: Client, bot: dict[str, Any]) -> Any:
    return post(client, {}, f"bot-profiles/{bot['id']}/check")


def calls(tenant: Tenant) -> list[UsageEvent]:
    with tenant_scope(tenant.pk):
        return list(UsageEvent.objects.all())


def test_a_model_that_answers_is_ok_and_metered(
    client_a: Client, tenant: Tenant, model: FakeChatModel
) -> None:
    bot = created(client_a, model="fake/chat", system_prompt="Long " * 100)
    model.enqueue("OK", usage=TokenUsage(7, 1))
    answer = check(client_a, bot)
    assert answer.status_code == 200
    assert answer.json()["ok"] is True and answer.json()["latency_ms"] >= 0
    assert "error" not in answer.json()
    (event,) = calls(tenant)
    assert (event.status, event.input_tokens, event.output_tokens) == ("settled", 7, 1)
    assert str(event.bot_profile_id) == bot["id"]
    (request,) = model.history
    assert request.max_output_tokens == 16 and "Long" not in str(request.messages)
    assert model.closed == 1


def test_the_default_model_is_ok_without_a_key(client_a: Client) -> None:
    assert check(client_a, created(client_a)).json()["ok"] is True


@pytest.mark.parametrize("failure", [ProviderMisconfigured, ProviderRejected, ProviderUnavailable])
def test_a_failure_is_told_with_its_code_and_what_to_change(
    client_a: Client, tenant: Tenant, model: FakeChatModel, failure: type[MiniRAGError]
) -> None:
    bot = created(client_a, model="fake/chat")
    model.enqueue(error=failure())
    answer = check(client_a, bot)
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    error = answer.json()["error"]
    assert error["code"] == failure.code
    assert len(error["message"]) > len(failure.default_message)
    assert [event.status for event in calls(tenant)] == ["released"]


def test_a_missing_key_is_told_without_a_call(client_a: Client) -> None:
    answer = check(client_a, created(client_a, model="openai/gpt-4o-mini")).json()
    assert (answer["ok"], answer["error"]["code"]) == (False, "provider_misconfigured")


def test_a_silent_provider_is_given_up_and_its_estimate_counted(
    client_a: Client, tenant: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(FakeChatModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
            yield Delta("")
            await asyncio.Event().wait()

    settings.MINIRAG_BOT_CHECK_SECONDS = 0.05
    monkeypatch.setattr(checking, "build_chat_model", lambda *_: Silent())
    answer = check(client_a, created(client_a, model="fake/chat")).json()
    assert (answer["ok"], answer["error"]["code"]) == (False, "provider_unavailable")
    (event,) = calls(tenant)
    assert (event.status, event.estimated) == ("settled", True)


def test_an_answer_that_just_stops_is_no_answer(
    client_a: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(FakeChatModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
            yield Delta("O")

    monkeypatch.setattr(checking, "build_chat_model", lambda *_: Cut())
    answer = check(client_a, created(client_a, model="fake/chat")).json()
    assert answer["error"]["code"] == "provider_unavailable"


def test_a_used_up_budget_ends_the_check_before_the_call(
    client_a: Client, tenant: Tenant, model: FakeChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=tenant.pk).update(monthly_cost_limit_nano=1)
    bot = created(
        client_a, model="openai/gpt-4o-mini", credentials={"api_key": "sk-0123456789abcdef"}
    )
    monkeypatch.setattr(checking, "build_chat_model", lambda *_: model)
    answer = check(client_a, bot)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_exceeded")
    assert int(answer["Retry-After"]) > 0
    assert model.history == [] and calls(tenant) == []


def test_a_repeated_check_with_the_same_key_asks_once(
    client_a: Client, model: FakeChatModel
) -> None:
    bot = created(client_a, model="fake/chat")
    for _ in range(2):
        answer = client_a.post(
            f"/v1/bot-profiles/{bot['id']}/check",
            {},
            content_type="application/json",
            headers={"idempotency-key": "check-once"},
        )
        assert answer.json()["ok"] is True
    assert len(model.history) == 1


def test_a_body_is_not_taken(client_a: Client) -> None:
    bot = created(client_a)
    assert post(client_a, {"x": 1}, f"bot-profiles/{bot['id']}/check").status_code == 400
