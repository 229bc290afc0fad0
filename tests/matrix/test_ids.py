"""Every id an operation takes: own, foreign live, foreign deleted, random, malformed.

A foreign id is answered as a random one, byte for byte; beside each refusal the owner gets in.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ingestion.models import IngestJob
from tests.matrix.answers import check, code_of, seen
from tests.matrix.bodies import ID_FIELDS, KIND_OF, body_of, own, send
from tests.matrix.document import Operation, names, operations
from tests.matrix.world import World, digest_of

MALFORMED = (
    "x", "0", "null", "%00", "..%2f..", "1' OR '1'='1", "{}", "ffffffff-ffff-ffff-ffff-fffffffffff",
    "%F0%9F%A6%8A", "00000000000000000000000000000000", "urn:uuid:{0}", "a" * 300,
)  # fmt: skip
IN_PATH = [one for one in operations() if one.path_ids]
IN_BODY = [one for one in operations() if one.body_ids]
IN_QUERY = [one for one in operations() if one.query_ids]
ACTORS = ("own full token", "own jwt", "own session", "own read token", "own widget")


def strange(world: World, kind: str) -> dict[str, str]:
    """Ids that A has no business with."""
    return {
        "foreign": world.b.live[kind],
        "foreign deleted": world.b.deleted[kind],
        "own deleted": world.a.deleted[kind],
        "foreign upper": world.b.live[kind].upper(),
        "suspended": world.c.live[kind],
    }


@pytest.fixture(scope="module", autouse=True)
def untouched(world: World) -> Any:
    before = digest_of(world.b.tenant), digest_of(world.c.tenant)
    yield
    assert (digest_of(world.b.tenant), digest_of(world.c.tenant)) == before


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("call", IN_PATH, ids=names(IN_PATH))
def test_path(call: Operation, actor: str, world: World) -> None:
    client = world.clients[actor]
    body = body_of(call, world)
    for name in call.path_ids:
        rest = {one: world.a.live[one] for one in call.path_ids if one != name}
        random = send(client, call, {**rest, name: str(uuid.uuid4())}, body)
        assert (random.status_code, code_of(random)) == (404, "not_found")
        check(random, call, world)
        for which, pk in strange(world, name).items():
            answer = send(client, call, {**rest, name: pk}, body_of(call, world))
            check(answer, call, world)
            assert seen(answer) == seen(random), which
        for text in MALFORMED:
            answer = send(client, call, {**rest, name: text.format(world.b.live[name])}, body)
            assert (answer.status_code, code_of(answer)) == (404, "not_found"), text
            assert not world.leaks(answer.content)


@pytest.mark.parametrize("call", IN_PATH, ids=names(IN_PATH))
def test_path_of_the_owner(call: Operation, world: World) -> None:
    """The control: with an id of one's own the same request goes through."""
    for actor in ("own full token", "own jwt", "own session"):
        ids = own(call, world)
        answer = send(world.clients[actor], call, ids, body_of(call, world))
        check(answer, call, world)
        assert 200 <= answer.status_code < 300, (actor, seen(answer))


@pytest.mark.parametrize("call", IN_BODY, ids=names(IN_BODY))
def test_body(call: Operation, world: World) -> None:
    for name in call.body_ids:
        put = ID_FIELDS[call.id, name]
        if put is None:
            continue
        kind = KIND_OF.get(name, name)
        for actor in ("own full token", "own jwt", "own session"):
            client, ids = world.clients[actor], own(call, world)

            def answer_to(pk: str, client: Any = client, ids: Any = ids, put: Any = put) -> Any:
                return send(client, call, ids, put(body_of(call, world), pk))

            random = answer_to(str(uuid.uuid4()))
            wanted = (404, "not_found") if call.id in ("chat", "search") else (400, "invalid")
            assert (random.status_code, code_of(random)) == wanted
            for which, pk in strange(world, kind).items():
                answer = answer_to(pk)
                check(answer, call, world)
                assert seen(answer) == seen(random), which
            for text in MALFORMED:
                answer = answer_to(text)
                check(answer, call, world)
                assert (answer.status_code, code_of(answer)) == (400, "invalid"), text
            control = answer_to(_of_the_bot(world, kind))
            check(control, call, world)
            assert 200 <= control.status_code < 300, seen(control)


def _of_the_bot(world: World, kind: str) -> str:
    """An own row: for a chat, one of the bot that the body names."""
    return world.a.live[kind] if kind == "bot_profile_id" else world.fresh(kind)


@pytest.mark.parametrize("call", IN_QUERY, ids=names(IN_QUERY))
def test_query(call: Operation, world: World) -> None:
    """A filter by somebody else's row finds what a filter by nothing finds."""
    for name in call.query_ids:
        for actor in ("own full token", "own jwt", "own session", "own read token"):
            client = world.clients[actor]
            random = send(client, call, {}, {}, f"{name}={uuid.uuid4()}")
            assert random.json()["results"] == []
            for which, pk in strange(world, name).items():
                answer = send(client, call, {}, {}, f"{name}={pk}")
                check(answer, call, world)
                if which.startswith("own"):
                    continue
                assert seen(answer) == seen(random), which
            for text in MALFORMED[:3]:
                answer = send(client, call, {}, {}, f"{name}={text}")
                check(answer, call, world)
                assert (answer.status_code, code_of(answer)) == (400, "invalid"), text
            own_row = world.a.live[name]
            if name == "source_id":
                own_row = _source_of_the_job(world)
            control = send(client, call, {}, {}, f"{name}={own_row}")
            check(control, call, world)
            assert control.json()["results"], seen(control)


def _source_of_the_job(world: World) -> str:
    with world.a.scope():
        return str(IngestJob.objects.get(pk=world.a.live["job_id"]).source_id)


def test_every_body_with_an_id_is_looked_at() -> None:
    assert {(call.id, name) for call in IN_BODY for name in call.body_ids} == set(ID_FIELDS)
