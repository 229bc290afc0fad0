"""What was used: sums of all that the filters let through, and what has no price said as such."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from bots.models import BotProfile
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from usage.models import MonthlySpend, UsageEvent

LIST = "/console/usage/usageevent/"


@pytest.fixture
def console(tenant: Tenant) -> Client:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    return client


def call(tenant: Tenant, **values: object) -> UsageEvent:
    values = {
        "kind": "generation", "model": "openai/x", "status": "settled", "input_tokens": 1000,
        "output_tokens": 20, "cost_nano": 5_000_000, **values,
    }  # fmt: skip
    with tenant_scope(tenant.pk):
        row: UsageEvent = UsageEvent.objects.create(tenant=tenant, **values)
        return row


def sums(client: Client, query: str = "") -> dict[str, str]:
    shown = client.get(LIST + query).content.decode()
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", shown))


def test_sums_are_of_what_is_chosen(console: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    assert sums(console) == {}
    for _ in range(60):  # more than a page
        call(tenant)
    call(tenant, kind="embedding", model="local/minilm-l6-v2", output_tokens=0, cost_nano=0)
    call(tenant, status="reserved", input_tokens=7)
    call(other_tenant)
    assert sums(console) == {
        "calls": "61", "tokens in": "61,000", "tokens out": "1,200", "US dollars": "0.3",
    }  # fmt: skip
    chosen = sums(console, "?kind__exact=embedding")
    assert chosen["calls"] == "1" and chosen["US dollars"] == "0"
    assert sums(console, "?model=openai/x&p=2")["calls"] == "60"


def test_an_unknown_price_is_said(console: Client, tenant: Tenant) -> None:
    call(tenant)
    call(tenant, cost_nano=None, estimated=True)
    found = sums(console)
    assert found["US dollars, in part estimated"] == "0.005"
    assert found["calls of unknown price, not in that sum"] == "1"
    with tenant_scope(tenant.pk):
        MonthlySpend.objects.create(tenant=tenant, month="2026-11-01", spent_nano=5_000_000)
    assert (
        "unknown are not in these sums"
        in console.get("/console/usage/monthlyspend/").content.decode()
    )


def test_a_call_leads_to_what_it_was_for(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        bot = BotProfile.objects.create(tenant=tenant, name="Desk", slug="desk")
    row = call(tenant, bot_profile_id=bot.pk, message_id=bot.pk)
    shown = console.get(f"{LIST}{row.pk}/change/").content.decode()
    assert f'<a href="/console/bots/botprofile/{bot.pk}/change/">Desk</a>' in shown
    assert ">gone<" in shown
