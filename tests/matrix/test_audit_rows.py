"""AUD: every mutating operation leaves exactly one row, done or refused, without a secret in it."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants.models import AuditEvent
from tenants.scope import platform_scope
from tests.cast import PASSWORD, jwt_of, person
from tests.matrix.answers import check, code_of, content_of, seen
from tests.matrix.bodies import PUBLIC, body_of, own, send
from tests.matrix.document import Operation, names, operations
from tests.matrix.rows import make_message
from tests.matrix.world import World

# POSTs that change no row of the tenant's domain: they read, or hand out what a login allows.
READING = {"search", "auth_refresh", "widget_session", "sources_preview"}
# Answered before a tenant is known: their rows are written by what they make.
GATES = {"auth_accept_invitation", "tenants_create"}
MUTATING = [c for c in operations() if c.writes and c.id not in READING | GATES]
REFUSABLE = [call for call in MUTATING if call.id not in PUBLIC]
# One's own login is anybody's to end.
NEVER_FORBIDDEN = {"auth_logout", "auth_password"}
SECRETS = {
    "bot_profiles_create": {"model": "openai/x", "credentials": {"api_key": "sk-secret-1"}},
    "bot_profiles_update": {"model": "openai/x", "credentials": {"api_key": "sk-secret-2"}},
    "tenants_me_update": {},
}


def rows_of(answer: Any) -> list[AuditEvent]:
    with platform_scope("tests"):
        return list(AuditEvent.objects.filter(request_id=answer["X-Request-ID"]))


def acting_body(call: Operation, world: World) -> dict[str, Any]:
    return body_of(call, world) | SECRETS.get(call.id, {}) if call.body else {}


def target(call: Operation, world: World) -> dict[str, str]:
    if call.id != "messages_stop":
        return own(call, world)
    lease = timezone.now() + timedelta(minutes=5)
    with world.a.scope():
        return {"message_id": make_message(world.a, status="streaming", lease_until=lease)}


def well_told(row: AuditEvent, world: World, secrets: list[str]) -> None:
    assert row.tenant_id == world.a.tenant.pk
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", row.action), row.action
    assert row.actor_kind in ("user", "token") and row.actor and row.actor_id
    text = json.dumps([row.detail, row.actor, row.object_id, row.action])
    assert not [one for one in secrets if one in text]


def secrets_in(value: Any) -> list[str]:
    """Every value below a name that sounds secret."""
    found: list[str] = []
    for name, inner in value.items():
        if isinstance(inner, dict):
            found += [str(one) for one in inner.values()] if name == "credentials" else []
        elif name in ("token", "access", "refresh", "invitation_link", "password", "old", "new"):
            found.append(str(inner))
    return found


@pytest.mark.parametrize("call", MUTATING, ids=names(MUTATING))
def test_done(call: Operation, world: World) -> None:
    client = world.clients["own full token"]
    if call.id in ("auth_logout", "auth_password"):
        user = person(world.a.tenant, "editor", f"{uuid.uuid4()}@acorn.test")
        client = type(client)(headers={"authorization": f"Bearer {jwt_of(user, world.a.tenant)}"})
    body = acting_body(call, world)
    if call.id == "auth_password":
        body = {"old": PASSWORD, "new": "a wholly other phrase"}
    answer = send(client, call, target(call, world), body)
    check(answer, call, world)
    assert 200 <= answer.status_code < 300, seen(answer)
    rows = rows_of(answer)
    assert [row.outcome for row in rows] == ["ok"], [row.action for row in rows]
    shown = json.loads(content_of(answer) or b"{}")
    well_told(rows[0], world, secrets_in(body) + secrets_in(shown))


@pytest.mark.parametrize("call", REFUSABLE, ids=names(REFUSABLE))
def test_refused(call: Operation, world: World) -> None:
    """By scope, and for a row that is not there; both leave one row each."""
    cases = [] if call.id in NEVER_FORBIDDEN else [("own read token", own(call, world))]
    if call.path_ids:
        for pk in (str(uuid.uuid4()), world.b.live[call.path_ids[0]]):
            cases.append(("own full token", {call.path_ids[0]: pk}))
    for who, ids in cases:
        body = acting_body(call, world)
        answer = send(world.clients[who], call, ids, body)
        rows = rows_of(answer)
        assert answer.status_code in (403, 404)
        assert [row.outcome for row in rows] == [code_of(answer)]
        well_told(rows[0], world, secrets_in(body))


def test_a_wrong_login_gives_no_row_of_a_tenant(world: World) -> None:
    """Nobody acted in it; the lock-out counts these."""
    call = next(one for one in operations() if one.id == "auth_login")
    body = {"email": world.a.owner.email, "password": "wrong wrong wrong"}
    assert rows_of(send(world.clients["nobody"], call, {}, body)) == []


def test_reading_leaves_no_row(world: World) -> None:
    for call in operations():
        if not call.writes or call.id in ("search", "sources_preview"):
            ids = {name: world.a.live[name] for name in call.path_ids}
            answer = send(world.clients["own full token"], call, ids, body_of(call, world))
            assert answer.status_code == 200 and rows_of(answer) == [], call.id


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_record_cannot_be_edited(method: str, world: World) -> None:
    with platform_scope("tests"):
        row = AuditEvent.objects.filter(tenant_id=world.a.tenant.pk)[0]
    client = world.clients["own full token"]
    for path, status in (("", 405), (f"/{row.pk}", 404)):
        answer = getattr(client, method)(
            f"/v1/audit-events{path}", {"action": "x"}, content_type="application/json"
        )
        assert answer.status_code == status
    with platform_scope("tests"):
        assert AuditEvent.objects.get(pk=row.pk).action == row.action
