"""Every operation for nobody (401, always the same words) and for another tenant (nothing)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cast import token_of
from tests.matrix.answers import check, code_of, content_of, seen
from tests.matrix.bodies import PUBLIC, body_of, send
from tests.matrix.document import Operation, names, operations
from tests.matrix.world import World, digest_of

NOBODY = (
    "nobody", "revoked token", "expired token", "suspended token", "suspended jwt",
    "suspended widget", "widget public key", "hostile: cut token", "hostile: other case",
    "hostile: digest", "hostile: two", "hostile: jwt of none", "hostile: jwt header",
    "hostile: sql", "hostile: long", "superuser session", "suspended session",
)  # fmt: skip
OTHERS = ("other full token", "other jwt", "other session", "other widget")

PRIVATE = [call for call in operations() if call.id not in PUBLIC]
ALL = pytest.mark.parametrize("call", PRIVATE, ids=names(PRIVATE))


@pytest.fixture(scope="module", autouse=True)
def untouched(world: World, good: str) -> Iterator[None]:
    before = digest_of(world.a.tenant)
    yield
    assert digest_of(world.a.tenant) == before


@pytest.fixture(scope="module")
def good(world: World) -> str:
    return token_of(world.a.tenant)


@ALL
def test_nobody_gets_in(call: Operation, world: World) -> None:
    ids = {name: world.a.live[name] for name in call.path_ids}
    first = send(world.clients["nobody"], call, ids, body_of(call, world))
    missing = {name: world.b.live[name] for name in call.path_ids}
    for who in NOBODY:
        for rows in (ids, missing):
            answer = send(world.clients[who], call, rows, body_of(call, world))
            check(answer, call, world)
            assert (answer.status_code, code_of(answer)) == (401, "unauthenticated"), who
            assert seen(answer)[:2] == seen(first)[:2], who  # Vary tells what was looked at
            assert answer["WWW-Authenticate"].startswith("Bearer")


@ALL
def test_no_credential_in_a_query_string(call: Operation, world: World, good: str) -> None:
    ids = {name: world.a.live[name] for name in call.path_ids}
    for name in ("token", "access_token", "api_key", "authorization"):
        query = f"{name}={good}"
        answer = send(world.clients["nobody"], call, ids, body_of(call, world), query)
        assert answer.status_code == 401


@ALL
def test_another_tenant_sees_nothing_of_it(call: Operation, world: World) -> None:
    """B on A's rows: as if there were none. Without ids in the path B sees its own only."""
    ids = {name: world.a.live[name] for name in call.path_ids}
    for who in OTHERS:
        if not call.path_ids and call.writes:
            continue
        answer = send(world.clients[who], call, ids, body_of(call, world))
        assert world.a.canary.encode() not in content_of(answer), who
        if call.path_ids:
            assert (answer.status_code, code_of(answer)) == (404, "not_found"), who
