"""The chat page: for open bots, and alike for all others."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bots.models import BotProfile
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


@pytest.fixture
def bot(tenant: Tenant) -> BotProfile:
    with tenant_scope(tenant.pk):
        bot: BotProfile = BotProfile.objects.create(
            tenant=tenant,
            name="<b>Help</b>",
            slug="help",
            widget_enabled=True,
            welcome_message="</div><script>x</script>",
            suggested_questions=['"><img src=x>'],
        )
    return bot


def get(bot: BotProfile) -> Any:
    return Client(raise_request_exception=False).get(f"/chat/{bot.widget_public_id}/")


def save(row: Any, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    with platform_scope("tests"):
        row.save()


def test_an_open_bot_has_a_page_that_runs_under_a_strict_policy(bot: BotProfile) -> None:
    answer = get(bot)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page) == []
    found = re.search(r'data-config="([^"]*)"', page)
    assert found
    config = json.loads(unescape(found[1]))
    assert config == {
        "public_id": bot.widget_public_id,
        "bot_profile_id": str(bot.pk),
        "name": "<b>Help</b>",
        "max_characters": 32_000,
    }
    assert "no language model" in page


def test_what_operators_wrote_is_text(bot: BotProfile) -> None:
    page = get(bot).content.decode()
    assert "<b>Help" not in page
    assert "<script>x" not in page
    assert "<img src=x>" not in page


def test_the_theme_of_the_bot_and_no_label_for_a_real_model(bot: BotProfile) -> None:
    save(bot, widget_theme="dark", model="openai/gpt-x")
    page = get(bot).content.decode()
    assert '<html lang="en" data-theme="dark">' in page
    assert "no language model" not in page


@pytest.mark.parametrize("change", ["disabled", "inactive", "suspended", "unknown"])
def test_no_other_bot_has_one(bot: BotProfile, tenant: Tenant, change: str) -> None:
    match change:
        case "disabled":
            save(bot, widget_enabled=False)
        case "inactive":
            save(bot, is_active=False)
        case "suspended":
            save(tenant, suspended_at=timezone.now())
        case _:
            bot.widget_public_id = "bot_unknown"
    answer = get(bot)
    assert answer.status_code == 404
    assert "There is no chat at this address." in answer.content.decode()
    assert "Help" not in answer.content.decode()
