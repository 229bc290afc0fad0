"""Both sites crawled: as operator of A nothing of B ever shows; the platform admin sees all.

Pages are found from the sites' own registries and URLs, so that a new page cannot be forgotten.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from functools import cache
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.test import Client

from bots.models import BotProfile
from chat.models import DailyWidgetCount
from sources.models import Source
from tenants.console import console_site
from tenants.models import (
    AuditEvent,
    IdempotencyRecord,
    LoginSession,
    Role,
    Tenant,
    User,
)
from tenants.scope import platform_scope
from tests.cast import person
from tests.matrix.answers import content_of
from tests.matrix.bodies import COUNT
from tests.matrix.world import OURS, World, digest_of

# Bookkeeping that no operator acts on; links are shown as the bot's sources.
INNER = {
    "tenants.LoginSession",
    "tenants.IdempotencyRecord",
    "bots.BotSource",
    "chat.DailyWidgetCount",
    "ingestion.CredentialPause",
    "ingestion.TenantTurn",
}
# Lookups through relations, as somebody would try who spells a secret out letter by letter.
THROUGH = (
    "tenant__name", "tenant__slug", "user__email", "bot__name", "bot__credentials",
    "source__name", "chat__title", "document__text", "created_by__password",
    "tenant__embedding_credentials", "tenant__memberships__user__password",
)  # fmt: skip
PLATFORM_ONLY = {"tenants.User"}
DOMAIN = [
    model
    for model in apps.get_models()
    if model._meta.app_label in OURS and model._meta.label not in INNER
]
CONSOLE = [model for model in DOMAIN if model._meta.label not in PLATFORM_ONLY]
MODELS = pytest.mark.parametrize("model", CONSOLE, ids=lambda model: model._meta.label)
HIDDEN: list[type[models.Model]] = [LoginSession, IdempotencyRecord, DailyWidgetCount]


def path(model: type[models.Model], site: str = "console") -> str:
    return f"/{site}/{model._meta.app_label}/{model._meta.model_name}/"


def browser(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def bot_form(name: str) -> dict[str, Any]:
    return {
        "name": name, "model": "fake/chat", "is_active": "on", "top_k": "5", "slug": "",
        "query_rewrite": "auto", "refusal_message": "No.", "suggested_questions": "",
        "widget_allowed_origins": "", "widget_daily_message_limit": "10", "widget_theme": "auto",
    }  # fmt: skip


@pytest.fixture(scope="module")
def operator(world: World) -> Client:
    return browser(world.a.owner)


@pytest.fixture(scope="module")
def viewer(world: World) -> Client:
    return browser(person(world.a.tenant, Role.VIEWER, "viewer@acorn.test"))


@pytest.fixture(scope="module")
def root(world: World) -> Client:
    return world.clients["superuser session"]


@pytest.fixture(scope="module", autouse=True)
def untouched(world: World) -> Iterator[None]:
    before = digest_of(world.b.tenant)
    yield
    assert digest_of(world.b.tenant) == before


def rows_of(model: type[models.Model], world: World, side: str) -> list[Any]:
    tenant = getattr(world, side).tenant
    with platform_scope("tests"):
        if model is Tenant:
            return [tenant]
        return list(model._base_manager.filter(tenant_id=tenant.pk)[:3])


@cache
def marks(world: World) -> list[bytes]:
    """What would tell that a row of B is in an answer, beside its canary; B stays as it is."""
    ids = [row.pk for model in CONSOLE for row in rows_of(model, world, "b")]
    return [str(pk).encode() for pk in ids]


def opened(client: Client, address: str, world: World) -> Any:
    COUNT["cases"] += 1
    answer = client.get(address)
    assert answer.status_code in (200, 302, 400, 403, 404), (address, answer.status_code)
    clean(answer, world, address)
    return answer


def clean(answer: Any, world: World, asked: str) -> None:
    """What the operator typed comes back in search boxes and in "does not exist" messages."""
    content = re.sub(rb'<ul class="messagelist">.*?</ul>', b"", content_of(answer), flags=re.S)
    if world.b.canary in asked:
        content = content.replace(world.b.canary.encode(), b"")
    assert not world.leaks(content), asked
    for mark in marks(world):
        assert mark not in content or mark.decode() in unescape(asked), asked


def searches(world: World) -> Iterator[str]:
    """Query strings of a list: search, every order, lookups that would spell a value out."""
    yield f"?q={world.b.canary}"
    yield f"?q={world.a.canary[:6]}"
    yield from (f"?o={sign}{place}" for place in range(1, 8) for sign in ("", "-"))
    for through in THROUGH:
        yield f"?{through}__startswith={world.b.canary}"
    yield f"?tenant__id__exact={world.b.tenant.pk}"
    yield f"?tenant={world.b.tenant.pk}"
    for field, kind in (("bot", "bot_profile_id"), ("source", "source_id"), ("chat", "chat_id")):
        yield f"?{field}__id__exact={world.b.live[kind]}"
    yield "?_popup=1"
    yield "?all="
    yield "?p=1000"
    yield f"?id__in={world.b.live['source_id']},{world.b.live['chat_id']}"


def test_every_model_of_the_domain_is_there() -> None:
    assert set(console_site._registry) & set(DOMAIN) == set(CONSOLE)
    assert set(admin.site._registry) >= set(DOMAIN)


@MODELS
def test_lists(model: type[models.Model], world: World, operator: Client) -> None:
    shown = opened(operator, path(model), world)
    assert shown.status_code == 200
    assert rows_of(model, world, "a"), "nothing to be shown"
    for link in set(re.findall(r'href="(\?[^"]+)"', shown.content.decode())):
        opened(operator, path(model) + unescape(link), world)
    names = [field.name for field in model._meta.concrete_fields]
    for query in [*searches(world), *(f"?{name}__startswith=C" for name in names)]:
        opened(operator, path(model) + query, world)


def test_a_list_takes_no_pattern(world: World, operator: Client) -> None:
    for lookup in ("regex", "iregex", "contains"):
        address = f"{path(Source)}?name__{lookup}=%28"
        assert operator.get(address, follow=False).status_code == 400


@pytest.mark.long
@MODELS
def test_lists_by_every_lookup(model: type[models.Model], world: World, operator: Client) -> None:
    for name in (field.name for field in model._meta.concrete_fields):
        for lookup in ("exact", "gt", "lt", "regex", "iregex", "isnull", "in", "contains", "year"):
            for value in ("C", world.b.canary, world.b.live["source_id"], "1", "%00", "("):
                opened(operator, f"{path(model)}?{name}__{lookup}={value}", world)


@MODELS
def test_pages_of_rows(model: type[models.Model], world: World, operator: Client) -> None:
    """One's own open; another's are answered as what is not there."""
    random = operator.get(f"{path(model)}{uuid.uuid4()}/change/")
    for row in rows_of(model, world, "b"):
        for deed in ("change/", "delete/", "history/", "", "change/?_popup=1"):
            answer = opened(operator, f"{path(model)}{row.pk}/{deed}", world)
            if deed == "change/":
                assert answer.status_code == random.status_code
                assert answer.headers.get("Location") == random.headers.get("Location")
    own = rows_of(model, world, "a")
    opens = {opened(operator, f"{path(model)}{row.pk}/change/", world).status_code for row in own}
    assert 200 in opens and opens <= {200, 404}  # revoked and deleted ones are gone
    for row in own:
        for deed in ("delete/", "history/"):
            opened(operator, f"{path(model)}{row.pk}/{deed}", world)
    opened(operator, f"{path(model)}add/", world)


@MODELS
def test_forged_posts(model: type[models.Model], world: World, operator: Client) -> None:
    """Writes and actions that name rows of B touch nothing (see ``untouched``)."""
    page = console_site._registry[model]
    ids = [str(row.pk) for row in rows_of(model, world, "b")]
    for pk in ids:
        for deed, data in (("change", {"name": "taken", "role": "owner", "enabled": ""}),
                           ("delete", {"post": "yes"})):  # fmt: skip
            COUNT["cases"] += 1
            answer = operator.post(f"{path(model)}{pk}/{deed}/", data)
            assert answer.status_code in (302, 403, 404)
            clean(answer, world, pk)
    for action in [*(page.actions or ()), "delete_selected"]:
        COUNT["cases"] += 1
        chosen = {"action": action, "_selected_action": ids, "post": "yes"}
        answer = operator.post(path(model), chosen)
        assert answer.status_code in (200, 302, 403)
        clean(answer, world, " ".join(ids))


def test_fields_that_name_rows_refuse_those_of_b(world: World, operator: Client) -> None:
    form = bot_form("Thief") | {"sources": [world.b.live["source_id"]]}
    answer = operator.post(path(BotProfile) + "add/", form)
    assert answer.status_code == 200 and b"errorlist" in answer.content
    clean(answer, world, world.b.live["source_id"])
    with platform_scope("tests"):
        assert not BotProfile.objects.filter(name="Thief").exists()


def test_autocomplete_and_jumps_give_nothing(world: World, operator: Client) -> None:
    for model in CONSOLE:
        for field in ("bot", "source", "document", "chat", "message", "user", "tenant"):
            label, name = model._meta.app_label, model._meta.model_name
            query = f"app_label={label}&model_name={name}&field_name={field}"
            opened(operator, f"/console/autocomplete/?term=&{query}", world)
    for model in [*CONSOLE, *HIDDEN]:
        for row in rows_of(model, world, "b"):
            opened(operator, f"/console/r/{row.pk}/{row.pk}/", world)
    for address in ("", "jsi18n/", "password_change/", "tenants/", "sources/", "tenants/user/"):
        opened(operator, f"/console/{address}", world)
    assert operator.get(path(User)).status_code == 404
    assert operator.get("/admin/").status_code == 302


@MODELS
def test_the_platform_admin_sees_all(model: type[models.Model], world: World, root: Client) -> None:
    shown = root.get(path(model, "admin"))
    assert shown.status_code == 200
    for side in ("a", "b"):
        pages = [f"{path(model, 'admin')}{row.pk}/change/" for row in rows_of(model, world, side)]
        assert any(root.get(page).status_code == 200 for page in pages)


@MODELS
def test_a_viewer_changes_nothing(model: type[models.Model], world: World, viewer: Client) -> None:
    before = digest_of(world.a.tenant)
    page = console_site._registry[model]
    ids = [str(row.pk) for row in rows_of(model, world, "a")]
    assert viewer.get(f"{path(model)}add/").status_code == 403
    assert viewer.post(f"{path(model)}add/", {"name": "x"}).status_code == 403
    for pk in ids:
        for deed in ("change", "delete"):
            COUNT["cases"] += 1
            answer = viewer.post(f"{path(model)}{pk}/{deed}/", {"name": "x", "post": "yes"})
            assert answer.status_code in (302, 403), answer.status_code
    for action in [*(page.actions or ()), "delete_selected"]:
        COUNT["cases"] += 1
        viewer.post(path(model), {"action": action, "_selected_action": ids, "post": "yes"})
    assert digest_of(world.a.tenant) == before


def test_nobody_and_the_suspended_stay_outside(world: World) -> None:
    for who in ("nobody", "suspended session", "own full token", "superuser session"):
        for model in CONSOLE:
            answer = world.clients[who].get(path(model))
            assert answer.status_code == 302 and "/login/" in answer["Location"], who
    for who in ("nobody", "own session", "other session", "own full token"):
        for model in DOMAIN:
            answer = world.clients[who].get(path(model, "admin"))
            assert answer.status_code == 302 and "/login/" in answer["Location"], who


@pytest.mark.parametrize("site", ["console", "admin"])
def test_the_audit_record_is_for_reading(site: str, world: World, root: Client) -> None:
    client = root if site == "admin" else browser(world.a.owner)
    row = rows_of(AuditEvent, world, "a")[0]
    base = path(AuditEvent, site)
    assert client.get(f"{base}{row.pk}/change/").status_code == 200
    for deed in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert client.post(base + deed, {"action": "x", "post": "yes"}).status_code == 403
    client.post(base, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    with platform_scope("tests"):
        assert AuditEvent.objects.get(pk=row.pk).action == row.action
