"""IDEM over the real operations: each POST that creates or costs gives its first answer again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.matrix.answers import code_of, content_of, seen
from tests.matrix.bodies import body_of, own, send
from tests.matrix.document import Operation, names, operations
from tests.matrix.world import World

# What a body is made another one with.
OTHER: dict[str, dict[str, Any]] = {
    "api_tokens_create": {"name": "Another"},
    "bot_profiles_create": {"name": "Another bot"},
    "chat": {"message": "And the tyres?"},
    "search": {"query": "tyres"},
    "sources_create": {"name": "Another"},
    "users_create": {"role": "editor"},
}
# Without a body: the path says all, so no other body can come.
EMPTY = {"sources_ingest", "bot_profiles_check", "ingest_jobs_retry"}
# A form with files: tests/sources looks at those.
FORMS = {"sources_upload"}
# Before a tenant is known; a key of its own kind (tests/tenants/test_tenancy.py).
SIGN_UP = {"tenants_create"}
# Repeating them changes nothing and costs nothing.
NO_EFFECT = {
    "auth_accept_invitation", "auth_login", "auth_logout", "auth_password", "auth_refresh",
    "ingest_jobs_cancel", "messages_feedback", "messages_stop", "sources_preview", "widget_session",
}  # fmt: skip
SECRETS = {"token", "invitation_link"}
WITH_BODY = [call for call in operations() if call.id in OTHER]
CREATING = [call for call in operations() if call.id in OTHER.keys() | EMPTY]


def test_every_post_is_known() -> None:
    posts = {call.id for call in operations() if call.method == "post"}
    assert posts == OTHER.keys() | EMPTY | FORMS | SIGN_UP | NO_EFFECT


@pytest.mark.parametrize("call", CREATING, ids=names(CREATING))
def test_a_repeat_gets_the_first_answer(call: Operation, world: World) -> None:
    client, ids, body = world.clients["own full token"], own(call, world), body_of(call, world)
    key = {"idempotency-key": f"once-{call.id}"}
    first, again = (send(client, call, ids, body, **key) for _ in range(2))
    assert 200 <= first.status_code < 300, seen(first)
    assert again.status_code == first.status_code and again["Idempotent-Replayed"] == "true"
    told = json.loads(content_of(first))
    kept = {name: value for name, value in told.items() if name not in SECRETS}
    assert json.loads(content_of(again)) == kept


@pytest.mark.parametrize("call", WITH_BODY, ids=names(WITH_BODY))
def test_another_body_is_refused_and_another_tenant_is_not_asked(
    call: Operation, world: World
) -> None:
    key = {"idempotency-key": f"shared-{call.id}"}
    body = body_of(call, world)
    assert send(world.clients["own full token"], call, {}, body, **key).status_code < 300
    other = send(world.clients["own full token"], call, {}, {**body, **OTHER[call.id]}, **key)
    assert (other.status_code, code_of(other)) == (422, "idempotency_mismatch")
    theirs = {**body, **OTHER[call.id]}
    if "bot_profile_id" in theirs:
        theirs["bot_profile_id"] = world.b.live["bot_profile_id"]
    answer = send(world.clients["other full token"], call, {}, theirs, **key)
    assert 200 <= answer.status_code < 300, seen(answer)
    assert "Idempotent-Replayed" not in answer
    assert world.a.canary.encode() not in content_of(answer)
