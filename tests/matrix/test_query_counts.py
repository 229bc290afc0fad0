"""How many queries a list and a detail cost; the number of rows must not matter."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from chat.models import Message
from sources.models import Chunk, Document
from tests.architecture.tree import ROOT
from tests.matrix.answers import content_of
from tests.matrix.bodies import send
from tests.matrix.document import Operation, names, operations
from tests.matrix.rows import make_chunk, make_document, make_message
from tests.matrix.world import World
from usage.models import UsageEvent

SNAPSHOT = ROOT / "tests" / "snapshots" / "query_counts.json"
READS = [call for call in operations() if call.method == "get"]
LISTS = [call for call in READS if call.id.endswith("_list")]
ROWS = 20


def counted(call: Operation, ids: dict[str, str], world: World, query: str = "") -> int:
    with CaptureQueriesContext(connections["default"]) as queries:
        answer = send(world.clients["own full token"], call, ids, {}, query)
        assert answer.status_code == 200, content_of(answer)
    return len(queries)


@pytest.fixture(scope="module")
def many(world: World) -> dict[str, str]:
    """Twenty more rows of everything; a source, a document and a chat that hold twenty."""
    with world.a.scope():
        for _ in range(ROWS):
            for name in world.a.live:
                world.fresh(name)
            UsageEvent.objects.create(
                kind="generation", model="fake/chat", estimated=False, status="settled"
            )
        source_id = world.a.live["source_id"]
        for _ in range(ROWS):
            make_document(world.a, source_id)
        document_id = Document.objects.filter(source_id=source_id).values_list("pk", flat=True)[0]
        for place in range(ROWS):
            moved = Chunk.objects.filter(pk=make_chunk(world.a))
            moved.update(document_id=document_id, text_hash=f"{place:064}", ordinal=place)
        ids = dict(world.a.live, source_id=source_id, document_id=str(document_id))
        for place in range(ROWS):
            _move(make_message(world.a), ids["chat_id"], place)
    return ids


def _move(message_id: str, chat_id: str, place: int) -> None:
    Message.objects.filter(pk=message_id).update(chat_id=chat_id, ordinal=place + 10)


@pytest.mark.parametrize("call", LISTS, ids=names(LISTS))
def test_rows_cost_no_queries(call: Operation, world: World, many: dict[str, str]) -> None:
    ids = {name: many[name] for name in call.path_ids}
    counted(call, ids, world)  # the token notes its first use
    one, twenty = counted(call, ids, world, "limit=1"), counted(call, ids, world, "limit=20")
    held = json.loads(content_of(send(world.clients["own full token"], call, ids, {}, "limit=20")))
    assert len(held["results"]) == ROWS or call.id == "audit_events_list"
    assert one == twenty


def test_counts_are_those_agreed(world: World, many: dict[str, str]) -> None:
    now: dict[str, Any] = {}
    for call in READS:
        ids = {name: many[name] for name in call.path_ids}
        counted(call, ids, world)
        now[call.id] = counted(call, ids, world)
    text = json.dumps(now, indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), "UPDATE_SNAPSHOTS=1 accepts the new counts"
