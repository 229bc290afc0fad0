"""Every form of the browsable pages, sent as it is shown with only its blanks filled in."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from tests.matrix.answers import seen
from tests.matrix.bodies import PUBLIC, body_of, own, path_of, send
from tests.matrix.document import JSON, Operation, names, operation, operations
from tests.matrix.world import World

FORMS = [
    one
    for one in operations()
    if one.method in ("post", "patch") and one.media == JSON and one.body and one.id not in PUBLIC
]
CHANGES = [one for one in FORMS if one.method == "patch"]
# What stands beside a row and is not its to change.
_MOVING = ("updated_at", "next_refresh_at")


def shown(client: Client, call: Operation, ids: dict[str, str]) -> dict[str, Any]:
    """The JSON in the form of ``call``."""
    page = client.get(path_of(call, ids), headers={"accept": "text/html"}).content.decode()
    pattern = rf'data-method="{call.method.upper()}".*?<textarea[^>]*name="_content"[^>]*>(.*?)</'
    found = re.search(pattern, page, re.DOTALL)
    assert found, f"no form for {call.id}"
    written: dict[str, Any] = json.loads(html.unescape(found[1]))
    return written


def rows_for(call: Operation, world: World) -> dict[str, str]:
    """As ``own``; but a source as the API makes them, with nothing of another type."""
    if call.id != "sources_update":
        return own(call, world)
    make, client = operation("sources_create"), world.clients["own session"]
    return {"source_id": send(client, make, {}, body_of(make, world)).json()["id"]}


def filled(written: dict[str, Any], good: dict[str, Any]) -> dict[str, Any]:
    """Blanks take what is right for them; what the form filled in stays."""
    blank = {name for name, value in written.items() if value in ("", []) and name in good}
    return written | {name: good[name] for name in blank}


@pytest.mark.parametrize("call", FORMS, ids=names(FORMS))
def test_a_form_is_taken_as_it_is_shown(call: Operation, world: World) -> None:
    client, ids = world.clients["own session"], rows_for(call, world)
    written = shown(client, call, ids)
    assert written.keys() >= set(call.required) and written.keys() <= call.body.keys()
    answer = send(client, call, ids, filled(written, body_of(call, world)))
    assert answer.status_code < 300, (written, seen(answer))


@pytest.mark.parametrize("call", CHANGES, ids=names(CHANGES))
def test_a_change_starts_with_what_is(call: Operation, world: World) -> None:
    client, ids = world.clients["own session"], rows_for(call, world)
    written = shown(client, call, ids)
    assert written
    readable = "get" in {one.method for one in operations() if one.path == call.path}
    before = client.get(path_of(call, ids)).json() if readable else None
    answer = send(client, call, ids, written)
    assert answer.status_code == 200, (written, seen(answer))
    if before is not None:
        after = client.get(path_of(call, ids)).json()
        assert {**before, **dict.fromkeys(_MOVING)} == {**after, **dict.fromkeys(_MOVING)}


@pytest.mark.parametrize("kind", ["text", "file", "url", "sitemap", "crawl"])
def test_a_source_of_each_type_is_changed_as_it_is_shown(kind: str, world: World) -> None:
    client, make, change = world.clients["own session"], "sources_create", "sources_update"
    what = {"content": "Some text."} if kind == "text" else {"url": "https://example.com/a"}
    body = {"name": kind, "type": kind} | (what if kind != "file" else {})
    made = send(client, operation(make), {}, body).json()
    ids = {"source_id": made["id"]}
    answer = send(client, operation(change), ids, shown(client, operation(change), ids))
    assert answer.status_code == 200, seen(answer)
    assert {**answer.json(), "updated_at": None} == {**made, "updated_at": None}


def test_no_form_holds_a_secret(world: World) -> None:
    client = world.clients["own session"]
    for name in ("bot_profiles_update", "sources_update", "tenants_me_update"):
        call = operation(name)
        written = shown(client, call, rows_for(call, world))
        assert not {"credentials", "embedding_credentials"} & written.keys()
        assert "password" not in json.dumps(written)


def test_a_posted_form_has_the_defaults_of_json(world: World) -> None:
    """A box that is not there is no box left empty, and an object that is not there is no {}."""
    client = world.clients["own session"]
    as_json = client.post("/v1/bot-profiles", {"name": "As JSON"}, content_type=JSON).json()
    as_form = client.post("/v1/bot-profiles", {"name": "As a form"}).json()
    own_words = dict.fromkeys(("id", "name", "slug", "created_at", "updated_at"))
    public = {"public_id": None}
    for one in (as_json, as_form):
        one["widget"] |= public
    assert as_form | own_words == as_json | own_words and as_form["is_active"] is True
    credentials = {"name": "With key", "credentials": "sk-1"}
    assert client.post("/v1/bot-profiles", credentials).json()["error"]["fields"].keys() == {
        "credentials"
    }


def test_empty_inputs_of_a_form_are_not_given(world: World) -> None:
    form = body_of(operation("chat"), world) | {"chat_id": "", "external_user": ""}
    answer = world.clients["own session"].post("/v1/chat", form)
    assert answer.status_code == 200, seen(answer)
