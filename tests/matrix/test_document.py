"""The OpenAPI document: valid, complete, steady. A new route cannot be forgotten here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate

from minirag.errors import STATUS, ErrorCode
from tenants.checks import api_routes
from tests.architecture.tree import ROOT
from tests.matrix.document import JSON, Operation, document, names, operations, resolve

SNAPSHOT = ROOT / "tests" / "snapshots" / "openapi.json"
# Last parts of paths that are deeds or things of which there is one, and so name their call.
_DEEDS = {
    "accept-invitation", "cancel", "chat", "check", "feedback", "file", "ingest", "login", "logout",
    "me", "password", "preview", "refresh", "retry", "search", "session", "stop", "upload",
}  # fmt: skip
_VERBS = {"get": "retrieve", "post": "create", "patch": "update", "delete": "delete"}
_RESERVED = {"tenants_me_retrieve": "tenants_me", "tenants_me_update": "tenants_me"}
ALL = pytest.mark.parametrize("call", operations(), ids=names(operations()))


def test_it_is_valid_and_comes_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    GENERATOR_STATS.reset()
    found = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS, capsys.readouterr().err
    assert found["openapi"].startswith("3.1")
    validate(found)


def test_it_is_the_one_that_was_agreed() -> None:
    now = json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(now)
    assert now == SNAPSHOT.read_text(), "UPDATE_SNAPSHOTS=1 accepts the new document"


def test_no_route_is_left_out() -> None:
    """Every DRF view of the URLconf stands in the document with every method it has."""
    from_views = {
        (view, method)
        for view, _ in api_routes()
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method) and view.__name__ != "SchemaView"
    }
    assert len(operations()) == len(from_views)


@ALL
def test_names_follow_the_path(call: Operation) -> None:
    """``sources_list``, ``sources_create``, ``sources_ingest``: path, then verb."""
    parts = [part for part in call.path.split("/") if part not in ("", "v1")]
    named = "_".join(part.replace("-", "_") for part in parts if not part.startswith("{"))
    if call.id in _RESERVED:
        assert named == _RESERVED[call.id]
    elif parts[-1] in _DEEDS:
        assert call.id == named
    else:
        is_one = parts[-1].startswith("{") or parts[-1] == "usage"
        verb = "list" if call.method == "get" and not is_one else _VERBS[call.method]
        assert call.id == f"{named}_{verb}"


@ALL
def test_each_call_is_told_whole(call: Operation) -> None:
    parts = [part for part in call.path.split("/") if part not in ("", "v1")]
    assert call.raw["tags"] == [parts[0]]
    assert call.raw["summary"]
    if call.writes and call.method != "delete" and call.body:
        assert call.media in (JSON, "multipart/form-data")
    ids = {one["name"]: one["schema"] for one in call.parameters("path")}
    assert all(ids[name].get("format") == "uuid" for name in call.path_ids)


def descriptions(part: Any) -> Iterator[str]:
    """Every text for a reader, wherever it stands."""
    inner = part if isinstance(part, list) else part.values() if isinstance(part, dict) else ()
    if isinstance(part, dict):
        yield from (part[name] for name in ("summary", "description") if _is_text(part.get(name)))
    for one in inner:
        yield from descriptions(one)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def test_its_words_are_those_of_the_outside() -> None:
    """Descriptions are made of docstrings; what a docstring says to us is not for clients."""
    ours = re.compile(
        r"``|(?<!\n)\n(?!\n)|\b(selector|service|serializer|queryset|docstring|invariant|DRF|Django"
        r"|None|True|False|self|Raises?|dict|tuple|dataclass|scope is open)\b|minirag\.|\.py\b"
    )
    texts = list(descriptions(document()))
    assert len(texts) > 500
    assert not [text for text in texts if ours.search(text)]
    for call in operations():
        assert call.raw.get("description", "").rstrip(".") != call.raw["summary"]


@ALL
def test_failures_are_told_with_their_codes(call: Operation) -> None:
    statuses = call.statuses
    assert {400, 429, 500, 503} <= statuses
    assert (404 in statuses) or not call.path_ids
    assert ({401, 403} <= statuses) or {"session": []} not in call.raw.get("security", [])
    for status, answer in call.raw["responses"].items():
        assert "X-Request-ID" in answer["headers"]
        if int(status) < 400:
            continue
        codes = re.findall(r"`(\w+)`", answer["description"])
        assert codes and all(STATUS[ErrorCode(code)] == int(status) for code in codes)
        error = resolve(resolve(answer["content"][JSON]["schema"])["properties"]["error"])
        assert set(error["properties"]) == {"code", "message", "fields", "request_id"}
        assert ("Retry-After" in answer["headers"]) == (status in ("429", "503"))


def test_lists_are_pages() -> None:
    for call in operations():
        if not call.id.endswith("_list"):
            continue
        answer = resolve(call.raw["responses"]["200"]["content"][JSON]["schema"])
        assert set(answer["properties"]) == {"next", "previous", "results"}, call.id
        assert {"limit", "cursor"} <= {one["name"] for one in call.parameters("query")}, call.id


def test_streams_and_files_are_told() -> None:
    by_name = {call.id: call for call in operations()}
    assert set(by_name["chat"].raw["responses"]["200"]["content"]) == {JSON, "text/event-stream"}
    assert by_name["sources_upload"].media == "multipart/form-data"
    assert (
        "application/octet-stream" in by_name["documents_file"].raw["responses"]["200"]["content"]
    )
    assert "text/csv" in by_name["usage_events_list"].raw["responses"]["200"]["content"]
