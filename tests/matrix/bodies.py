"""A minimal valid body for every operation that takes one. A missing entry fails the tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from bots.models import BotProfile
from tenants.scope import platform_scope
from tests.cast import PASSWORD
from tests.matrix.document import JSON, Operation
from tests.matrix.rows import make_job, make_source
from tests.matrix.world import World

# Requests sent by the module that runs now.
COUNT = {"cases": 0}
Body = Callable[[World], dict[str, Any]]


def _public_id(world: World) -> str:
    with platform_scope("tests"):
        bot = BotProfile.objects.get(pk=world.a.live["bot_profile_id"])
        return str(bot.widget_public_id)


BODIES: dict[str, Body] = {
    "api_tokens_create": lambda world: {"name": "Program", "scopes": ["read"]},
    "auth_accept_invitation": lambda world: {"token": "x" * 43, "password": PASSWORD},
    "auth_login": lambda world: {"email": world.a.owner.email, "password": PASSWORD},
    "auth_password": lambda world: {"old": PASSWORD, "new": PASSWORD},
    "auth_refresh": lambda world: {"refresh": "a.b.c"},
    "bot_profiles_create": lambda world: {"name": "New bot", "model": "fake/chat"},
    "bot_profiles_update": lambda world: {"name": "Renamed bot"},
    "chat": lambda world: {
        "bot_profile_id": world.a.live["bot_profile_id"],
        "message": "When are fuel receipts handed in?",
    },
    "chunks_update": lambda world: {"enabled": False},
    "messages_feedback": lambda world: {"rating": "up"},
    "search": lambda world: {
        "query": "fuel receipts",
        "bot_profile_id": world.a.live["bot_profile_id"],
    },
    "sources_create": lambda world: {"name": "New", "type": "text", "content": "Some text."},
    "sources_update": lambda world: {"name": "Renamed"},
    "sources_upload": lambda world: {
        "file": SimpleUploadedFile("a.md", b"# Title\n\nText.", "text/markdown")
    },
    "tenants_create": lambda world: {"name": "Newcomers", "email": "new@newcomers.test"},
    "tenants_me_update": lambda world: {"name": "Acorn"},
    "users_create": lambda world: {"email": f"{uuid.uuid4().hex}@x.test", "role": "viewer"},
    "users_update": lambda world: {"role": "viewer"},
    "widget_session": lambda world: {"public_id": _public_id(world)},
}
# Asked for without a credential; each has a gate of its own (password, origin, link, sign-up).
PUBLIC = {
    "auth_accept_invitation", "auth_login", "auth_refresh", "tenants_create", "widget_session",
}  # fmt: skip
# What a body that names rows looks like with another id in it; None: the field names no row.
ID_FIELDS: dict[tuple[str, str], Callable[[dict[str, Any], str], dict[str, Any]] | None] = {
    ("chat", "bot_profile_id"): lambda body, pk: {**body, "bot_profile_id": pk},
    ("chat", "chat_id"): lambda body, pk: {**body, "chat_id": pk},
    ("search", "bot_profile_id"): lambda body, pk: {**body, "bot_profile_id": pk},
    ("search", "source_ids"): lambda body, pk: {"query": "fuel", "source_ids": [pk]},
    ("bot_profiles_create", "source_ids"): lambda body, pk: {**body, "source_ids": [pk]},
    ("bot_profiles_update", "source_ids"): lambda body, pk: {**body, "source_ids": [pk]},
    # The visitor's own invention: it opens nothing that its session does not.
    ("widget_session", "visitor_id"): None,
}
# Which kind of row a field of the body or the query names.
KIND_OF = {"source_ids": "source_id"}


def body_of(call: Operation, world: World) -> dict[str, Any]:
    """Raises ``KeyError`` for an operation that nobody wrote a body for."""
    return BODIES[call.id](world) if call.body else {}


def own(call: Operation, world: World) -> dict[str, str]:
    """Fresh rows of A that the call can act on, so that no case takes them from the next."""
    with world.a.scope():
        if call.id == "ingest_jobs_retry":
            return {"job_id": make_job(world.a, "failed")}
        if call.id == "sources_upload":
            return {"source_id": make_source(world.a, type="file", content="")}
    return {name: world.fresh(name) for name in call.path_ids}


def path_of(call: Operation, ids: dict[str, str]) -> str:
    path = call.path.replace("{marker}", "1")
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def send(
    client: Any,
    call: Operation,
    ids: dict[str, str],
    body: dict[str, Any],
    query: str = "",
    **headers: str,
) -> Any:
    """One request: one case. ``ids`` by the names of the path's parameters."""
    COUNT["cases"] += 1
    target = path_of(call, ids) + (f"?{query}" if query else "")
    if call.id == "widget_session":
        headers.setdefault("origin", "https://shop.example")
    method = getattr(client, call.method)
    if call.method == "get":
        return method(target, headers=headers)
    if call.media != JSON:
        return method(target, body, headers=headers)
    return method(target, body, content_type=JSON, headers=headers)
