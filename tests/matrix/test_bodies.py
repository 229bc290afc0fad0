"""Every field of every body with what it must not take: an answer of the contract, never a 500."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.matrix.answers import check, code_of, seen
from tests.matrix.bodies import COUNT, body_of, own, path_of, send
from tests.matrix.document import JSON, Operation, names, operations
from tests.matrix.world import World, digest_of

# What the server alone writes. Never honoured, always refused by name.
FORBIDDEN = (
    "id", "pk", "tenant", "tenant_id", "created_at", "updated_at", "created_by", "created_by_id",
    "status", "state", "error", "counts", "digest", "prefix", "last_four", "last_used_at",
    "revoked_at", "suspended_at", "deleted_at", "index", "index_dimensions", "index_version",
    "limits", "max_documents", "max_bytes", "monthly_cost_limit_nano", "credentials_set",
    "credentials_hint", "is_staff", "is_superuser", "is_active ", "user", "user_id", "owner",
    "accepted_at", "generation", "text", "qdrant_point_id", "source_id", "visitor_id", "channel",
    "kind", "attempts", "lease_until", "widget_public_id", "_state", "__class__", "constructor",
    "__proto__", "$where", "slug__startswith",
)  # fmt: skip
WRONG: dict[str, tuple[Any, ...]] = {
    "string": (1, 1.5, True, [], {}, ["x"], "\x00", "a\ud800", "x" * 6_000_000),
    "uuid": (1, True, [], {}, "x", "", "\x00"),
    "integer": ("1", 1.5, True, [], {}, 2**63, -(2**63), 10**30, -1),
    "number": ("1", True, [], {}, 10**400, -(10**30), 1e308),
    "boolean": ("true", 0, 1, [], {}),
    "array": ("x", 1, {}, True, [{}], [[]], [None], ["x" * 100_000]),
    "object": ("x", 1, [], True, {"\x00": "x"}, {"x": {"y": {}}}),
}
WITH_BODY = [one for one in operations() if one.body and one.media == JSON]
ALL = pytest.mark.parametrize("call", WITH_BODY, ids=names(WITH_BODY))


def kind_of(schema: Mapping[str, Any]) -> str:
    """The JSON type of a property, null left out."""
    if schema.get("format") == "uuid":
        return "uuid"
    kinds = schema.get("type", "")
    if isinstance(kinds, list):
        kinds = next(kind for kind in kinds if kind != "null")
    if not kinds and ("enum" in schema or "oneOf" in schema or "allOf" in schema):
        return "string"
    return str(kinds)


def nullable(schema: Mapping[str, Any]) -> bool:
    return "null" in schema.get("type", ()) or "oneOf" in schema


def sent(call: Operation, world: World, body: Any) -> Any:
    client = world.clients["own full token"]
    if call.id == "auth_password":
        client = world.clients["own jwt"]
    if call.id == "tenants_create":
        client = type(client)(headers={"authorization": "Bearer " + "b" * 40})
    answer = send(client, call, own(call, world), body)
    check(answer, call, world)
    return answer


@pytest.fixture(autouse=True)
def _sign_up(settings: Any) -> None:
    settings.MINIRAG_BOOTSTRAP_TOKEN = "b" * 40


def refused(answer: Any, what: Any) -> None:
    wanted = {(400, "invalid"), (400, "bad_request"), (413, "too_large")}
    assert (answer.status_code, code_of(answer)) in wanted, (repr(what)[:80], seen(answer))


@ALL
def test_mass_assignment(call: Operation, world: World) -> None:
    for name in FORBIDDEN:
        if name in call.body:
            continue
        body = body_of(call, world) | {name: str(world.b.tenant.pk)}
        answer = sent(call, world, body)
        assert (answer.status_code, code_of(answer)) == (400, "invalid"), (name, seen(answer))
        assert name in answer.json()["error"]["fields"], seen(answer)


@ALL
def test_wrong_types_and_sizes(call: Operation, world: World) -> None:
    for name, schema in call.body.items():
        assert kind_of(schema) in WRONG, (name, schema)
        values: list[Any] = list(WRONG[kind_of(schema)])
        if not nullable(schema):
            values.append(None)
        for value in values:
            body = body_of(call, world) | {name: value}
            refused(sent(call, world, body), (name, value))


@ALL
def test_all_that_is_wrong_is_named_at_once(call: Operation, world: World) -> None:
    """Wrong types in every other field, the others left out, and a stray one."""
    wrong: dict[str, Any] = {
        name: {} if kind_of(schema) == "array" else []
        for name, schema in list(call.body.items())[::2]
    }
    missing = set() if call.method == "patch" else set(call.required) - wrong.keys()
    answer = sent(call, world, {**wrong, "stray": 1})
    refused(answer, wrong)
    assert set(answer.json()["error"]["fields"]) >= {"stray", *wrong, *missing}, seen(answer)


@ALL
def test_missing_fields(call: Operation, world: World) -> None:
    for name in call.required:
        body = {key: value for key, value in body_of(call, world).items() if key != name}
        answer = sent(call, world, body)
        assert (answer.status_code, code_of(answer)) == (400, "invalid")
        assert name in answer.json()["error"]["fields"]


@ALL
def test_bodies_that_are_none(call: Operation, world: World) -> None:
    client = world.clients["own jwt" if call.id == "auth_password" else "own full token"]
    ids = own(call, world)
    good = json.dumps(body_of(call, world))
    texts = [
        "{", "[]", '"x"', "1", "null", "true", '{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}',
        "[" * 100_000, '{"a":' * 40 + "1" + "}" * 40, "\ufeff" + good, good + good, good[:-1],
    ]  # fmt: skip
    for raw in [*(text.encode() for text in texts), b"\xff\xfe", b'{"a":"\xed\xa0\x80"}']:
        answer = raw_post(client, call, ids, raw, JSON)
        check(answer, call, world) if call.id != "tenants_create" else None
        if call.id == "tenants_create":
            assert answer.status_code == 401  # its gate stands before its body
            continue
        refused(answer, raw[:40])
    for media in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "x"):
        answer = raw_post(client, call, ids, good.encode(), media)
        if call.id != "tenants_create":
            assert (answer.status_code, code_of(answer)) == (415, "unsupported_media_type"), media


def raw_post(client: Any, call: Operation, ids: dict[str, str], raw: bytes, media: str) -> Any:
    COUNT["cases"] += 1
    return client.generic(call.method.upper(), path_of(call, ids), raw, content_type=media)


@pytest.mark.parametrize("call", operations(), ids=names(operations()))
def test_unknown_parameters(call: Operation, world: World) -> None:
    if call.id in ("tenants_create", "auth_password", "widget_session"):
        return
    for query in ("tenant_id=x", "limit=0", "limit=201", "limit=x", "cursor=x", "fields=%00"):
        answer = send(
            world.clients["own full token"], call, own(call, world), body_of(call, world), query
        )
        check(answer, call, world)
        assert (answer.status_code, code_of(answer)) == (400, "invalid"), query


def test_nothing_of_others_was_written(world: World) -> None:
    """Runs with this module's refusals behind it, or before them: B has what it had."""
    before = digest_of(world.b.tenant)
    call = next(one for one in operations() if one.id == "sources_create")
    sent(call, world, body_of(call, world) | {"tenant_id": str(world.b.tenant.pk)})
    assert digest_of(world.b.tenant) == before


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/nothing", "/v1/sources/", "/v1/sources//", "/v1/sources/x/y/z",
     "/openai/v1/models", "/widget/v2/session", "/v1/tenants/other", "/v1/%00", "/mcp"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_unknown_paths_are_json(path: str, method: str, world: World) -> None:
    answer = getattr(world.clients["nobody"], method)(path)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert answer["X-Request-ID"] == answer.json()["error"]["request_id"]
    assert answer["Content-Type"] == JSON
