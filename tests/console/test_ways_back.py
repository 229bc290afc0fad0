"""Each page says where it stands and leads back; a deletion says first what goes with it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from bots.models import BotProfile
from tenants.models import Membership, Role, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import person
from tests.sources.rows import make_chunk, make_document, make_source


@pytest.fixture
def console(tenant: Tenant) -> Client:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    return client


def trail(answer: Any) -> list[tuple[str, str]]:
    """Words and addresses of the way back; the page itself has no address."""
    shown = answer.content.decode()
    assert shown.count('<div class="breadcrumbs">') == 1
    part = shown.split('<div class="breadcrumbs">')[1].split("</div>")[0]
    found = re.findall(r'<(?:a href="([^"]*)"|span aria-current="page")>([^<]*)<', part)
    return [(words, address) for address, words in found]


def test_a_row_leads_back_through_what_it_belongs_to(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant, name="Handbook")
        document = make_document(source, key="guide.md", title="Guide")
        passage = make_chunk(document)
    above = [("Home", "/console/"), ("Sources", "/console/sources/source/")]
    held = ("Handbook", f"/console/sources/source/{source.pk}/change/")
    page = f"/console/sources/document/{document.pk}/"
    assert trail(console.get(f"{page}change/")) == [*above, held, ("Guide", "")]
    inside = ("Guide", f"{page}change/")
    assert trail(console.get(f"{page}delete/")) == [*above, held, inside, ("Delete", "")]
    shown = console.get(f"/console/sources/chunk/{passage.pk}/change/")
    assert trail(shown) == [*above, held, inside, ("passage 1", "")]
    preview = console.get(f"/console/sources/source/{source.pk}/preview/")
    assert trail(preview) == [*above, held, ("Preview", "")]
    history = console.get(f"/console/sources/source/{source.pk}/history/", follow=True)
    assert trail(history) == [*above, held, ("History", "")]
    assert "<h1>History</h1>" in history.content.decode()
    assert trail(console.get("/console/sources/source/add/")) == [*above, ("Add source", "")]
    assert trail(console.get("/console/sources/source/")) == [above[0], ("Sources", "")]


def test_several_go_with_the_words_of_one(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        ids = [make_source(tenant).pk for _ in range(2)]
    chosen = {"action": "delete_selected", "_selected_action": ids}
    asked = console.post("/console/sources/source/", chosen)
    assert "goes with its documents" in asked.content.decode()
    assert trail(asked)[1:] == [("Sources", "/console/sources/source/"), ("Delete", "")]
    done = console.post("/console/sources/source/", chosen | {"post": "yes"}, follow=True)
    assert "Deleted: 2." in done.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_deletion_has_a_transaction_of_its_own(
    console: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks at the commit begins anew: inside another transaction it could not."""
    inside: list[bool] = []
    monkeypatch.setattr(
        "bots.services.delete_bot", lambda *_: inside.append(connection.in_atomic_block)
    )
    with tenant_scope(tenant.pk):
        bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug="bot")
    page = f"/console/bots/botprofile/{bot.pk}/delete/"
    assert console.post(page, {"post": "yes"}).status_code == 302
    assert inside == [False]


def test_one_that_cannot_go_keeps_nobody_else(console: Client, tenant: Tenant) -> None:
    person(tenant, Role.VIEWER)
    with platform_scope("tests"):
        ids = list(Membership.objects.filter(tenant=tenant).values_list("pk", flat=True))
    form = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    shown = console.post("/console/tenants/membership/", form, follow=True).content.decode()
    assert "Deleted: 1." in shown and "owner" in shown
    with platform_scope("tests"):
        assert Membership.objects.get(tenant=tenant).role == Role.OWNER


def test_ones_own_tenant_has_no_list_to_go_back_to(console: Client, tenant: Tenant) -> None:
    shown = console.get(f"/console/tenants/tenant/{tenant.pk}/change/")
    assert trail(shown) == [("Home", "/console/"), (tenant.name, "")]
    assert "<h1>Tenant and people</h1>" in console.get("/console/tenants/").content.decode()
