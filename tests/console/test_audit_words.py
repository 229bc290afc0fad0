"""The audit record names what was done, by whom and to what, with a way to what is still there."""

from __future__ import annotations

import ast
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sources.models import Source
from sources.services import create_source, retire_source
from tenants.admin.audit_words import DEEDS
from tenants.context import AuthContext
from tenants.credentials import context_of
from tenants.models import AuditEvent, Membership, Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tests.architecture.tree import modules
from tests.cast import PASSWORD, person

LIST = "/console/tenants/auditevent/"
# What writes a row or names what is written; see ``tenants.audit``.
_WRITERS = {"record", "_record", "_schedule", "record_platform_act"}


@pytest.fixture
def owner(tenant: Tenant) -> Membership:
    user = person(tenant, Role.OWNER)
    with platform_scope("tests"):
        held: Membership = Membership.objects.get(user=user)
        return held


@pytest.fixture
def auth(owner: Membership) -> AuthContext:
    return context_of(owner, ip=None, request_id="r")


@pytest.fixture
def console(owner: Membership) -> Client:
    client = Client()
    client.force_login(owner.user)
    return client


def written() -> set[str]:
    """Every action that the code writes."""
    found = set()
    for path, tree in modules().items():
        if path.startswith(("tests/", "minirag/")):
            continue
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in _WRITERS:
                texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and "." in text}
    return found


def refused() -> set[str]:
    """Every action that a view names for the record of a refusal."""
    found = set()
    for node in (node for tree in modules().values() for node in ast.walk(tree)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == "actions" for one in targets):
                found |= {one.value for one in node.value.values if isinstance(one, ast.Constant)}
    return {str(one) for one in found}


def source(auth: AuthContext, name: str) -> Source:
    with tenant_scope(auth.tenant_id):
        return create_source(auth, name=name, type="text", content="A text.")


def test_every_action_has_words() -> None:
    assert len(written()) > 25
    assert len(refused()) > 20
    assert written() | refused() <= set(DEEDS)


def test_an_object_is_named_and_led_to(console: Client, auth: AuthContext) -> None:
    made = source(auth, "Handbook")
    shown = console.get(LIST).content.decode()
    link = f'<a href="/console/sources/source/{made.pk}/change/">Source “Handbook”</a>'
    assert link in shown and "made a source" in shown and auth.actor in shown
    assert str(made.pk) not in shown.replace(link, "")
    with tenant_scope(auth.tenant_id):
        event = AuditEvent.objects.get(action="source.create")
    detail = console.get(f"{LIST}{event.pk}/change/").content.decode()
    assert link in detail and str(made.pk) in detail and "type: text" in detail
    assert f"<h2>{auth.actor} made a source</h2>" in detail and "source.create by" not in detail


def test_what_is_gone_keeps_its_name_and_has_no_link(console: Client, auth: AuthContext) -> None:
    made = source(auth, "Handbook")
    with tenant_scope(auth.tenant_id):
        retire_source(auth, made)
    shown = console.get(LIST).content.decode()
    assert shown.count("Source “Handbook”") == 2 and f"{made.pk}/change/" not in shown


def test_what_has_no_page_is_not_said_to_be_gone(console: Client, auth: AuthContext) -> None:
    """An account stands in no list of a tenant; a chat's name is nowhere but in its row."""
    for kind in ("user", "chat"):
        with tenant_scope(auth.tenant_id):
            AuditEvent.objects.create(
                tenant_id=auth.tenant_id,
                action="auth.password",
                object_type=kind,
                object_id=str(uuid4()),
            )
    shown = console.get(LIST).content.decode()
    assert ">Account</td>" in shown and ">Chat, gone</td>" in shown


def test_a_list_of_many_asks_as_often_as_one_of_two(console: Client, auth: AuthContext) -> None:
    source(auth, "One")
    with CaptureQueriesContext(connection) as few:
        console.get(LIST)
    for number in range(9):
        source(auth, f"Number {number}")
    with CaptureQueriesContext(connection) as many:
        console.get(LIST)
    assert len(many) == len(few)


def test_actions_are_chosen_by_their_words(console: Client, auth: AuthContext) -> None:
    source(auth, "One")
    with tenant_scope(auth.tenant_id):
        AuditEvent.objects.create(tenant_id=auth.tenant_id, action="chat.ask", actor="x")
    shown = console.get(f"{LIST}?action=chat.ask").content.decode()
    assert ">made a source</a>" in shown and "Source “One”" not in shown


def test_the_platform_is_told_whose_it_was(auth: AuthContext, tenant: Tenant, db: Any) -> None:
    source(auth, "One")
    root = Client()
    root.force_login(User.objects.create_superuser("root@platform.test", PASSWORD))
    shown = root.get("/admin/tenants/auditevent/").content.decode()
    assert f'<td class="field-tenant">{tenant.name}</td>' in shown
