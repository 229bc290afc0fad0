"""The contract's table of scopes and roles, written out and compared with what the API does.

Each case acts on a fresh row of its own, so that who may is seen to get through.
"""

from __future__ import annotations

from typing import Any

import pytest

from chat.models import Message
from tenants.credentials import authenticate_token
from tenants.models import Role
from tenants.scope import tenant_scope
from tests.cast import client_for, jwt_of, person, token_of
from tests.matrix.answers import check, code_of, seen
from tests.matrix.bodies import PUBLIC, body_of, own, send
from tests.matrix.document import Operation, names, operations
from tests.matrix.world import World

# CONTRACT section 2, line by line: operation to the scope that it needs.
READ = {
    "tenants_me_retrieve", "bot_profiles_list", "bot_profiles_retrieve", "sources_list",
    "sources_retrieve", "sources_documents_list", "documents_retrieve", "documents_file",
    "documents_chunks_list", "ingest_jobs_list", "ingest_jobs_retrieve", "search",
    "usage_retrieve", "usage_events_list", "chats_list", "chats_retrieve", "chats_messages_list",
    "messages_retrieve", "auth_me", "auth_logout",
}  # fmt: skip
WRITE = {
    "sources_create", "sources_update", "sources_delete", "sources_ingest", "sources_upload",
    "sources_preview", "documents_delete", "chunks_update",
    "bot_profiles_create", "bot_profiles_update",
    "bot_profiles_delete", "bot_profiles_check", "ingest_jobs_cancel", "ingest_jobs_retry",
    "chats_delete",
}  # fmt: skip
ADMIN = {
    "users_list", "users_create", "users_retrieve", "users_update", "users_delete",
    "api_tokens_list", "api_tokens_create", "api_tokens_retrieve", "api_tokens_delete",
    "tenants_me_update", "audit_events_list",
}  # fmt: skip
CHAT = {"chat", "messages_feedback", "messages_stop"}
# Who may chat has its own answers; who may read too, those of all.
CHAT_OR_READ = {"messages_citations_retrieve"}
# Only a person has a password.
PERSON = {"auth_password"}
WIDGET = {
    "chat", "messages_feedback", "messages_stop", "messages_citations_retrieve", "chats_list",
    "chats_retrieve", "chats_messages_list", "messages_retrieve",
}  # fmt: skip
HOLDS = {
    "read": {"read"},
    "write": {"read", "write"},
    "admin": {"read", "write", "admin"},
    "chat": {"chat"},
}
ROLES = {
    Role.VIEWER: {"read", "chat"},
    Role.EDITOR: {"read", "write", "chat"},
    Role.ADMIN: {"read", "write", "admin", "chat"},
    Role.OWNER: {"read", "write", "admin", "chat"},
}
PRIVATE = [call for call in operations() if call.id not in PUBLIC]
ALL = pytest.mark.parametrize("call", PRIVATE, ids=names(PRIVATE))


def allowed(call: str, held: set[str], *, person: bool) -> bool:
    """What the contract says."""
    if call in PERSON:
        return person
    if call in CHAT_OR_READ:
        return bool(held & {"chat", "read"})
    needs = [("read", READ), ("write", WRITE), ("admin", ADMIN), ("chat", CHAT)]
    return next(scope for scope, calls in needs if call in calls) in held


def test_the_table_names_every_operation() -> None:
    tables = (READ, WRITE, ADMIN, CHAT, CHAT_OR_READ, PERSON, PUBLIC)
    assert sum(map(len, tables)) == len(set.union(*tables))
    assert set.union(*tables) == {call.id for call in operations()}


@ALL
@pytest.mark.parametrize("scopes", [*HOLDS, "write+chat", "admin+chat"])
def test_scopes(call: Operation, scopes: str, world: World) -> None:
    names_held = scopes.split("+")
    held = set.union(*(HOLDS[one] for one in names_held))
    raw = token_of(world.a.tenant, names_held)
    asker = authenticate_token(raw).actor_id
    verdict(client_for(raw), call, world, allowed(call.id, held, person=False), scopes, asker)


@ALL
@pytest.mark.parametrize("role", ROLES)
def test_roles(call: Operation, role: Role, world: World) -> None:
    user = person(world.a.tenant, role, f"{role}-{call.id}@acorn.test")
    client = client_for(jwt_of(user, world.a.tenant))
    verdict(client, call, world, allowed(call.id, ROLES[role], person=True), role)


@ALL
def test_a_widget_reaches_its_own_chats_only(call: Operation, world: World) -> None:
    client, ids = world.clients["own widget"], {n: world.a.live[n] for n in call.path_ids}
    if call.id == "chat":
        return
    answer = send(client, call, ids, body_of(call, world))
    check(answer, call, world)
    if set(call.path_ids) & {"chat_id", "message_id"}:
        assert code_of(answer) == "not_found"  # somebody else's chat
    elif call.id in WIDGET:
        assert answer.json()["results"] == []
    else:
        assert code_of(answer) == "forbidden"


def verdict(
    client: Any, call: Operation, world: World, may: bool, who: str, asker: str | None = None
) -> None:
    ids = own(call, world)
    if call.id in CHAT | CHAT_OR_READ and "message_id" in ids:
        # Its own answer; those of others are tested with the chat.
        with tenant_scope(world.a.tenant.pk):
            Message.objects.filter(pk=ids["message_id"]).update(asked_by=asker)
    answer = send(client, call, ids, body_of(call, world))
    check(answer, call, world)
    if may:
        assert 200 <= answer.status_code < 300, (who, seen(answer))
    else:
        assert (answer.status_code, code_of(answer)) == (403, "forbidden"), who
