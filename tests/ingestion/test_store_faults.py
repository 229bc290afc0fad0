"""Family VEC: a Qdrant server that fails in every way, under every operation.

What was accepted is done once the server is well; what answered before goes on answering; nobody
is told more than a code of the contract, and no answer pretends to have sources.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from bots.models import BotProfile, BotSource
from chat import turns
from chat.models import Message
from ingestion.checking import schedule_check
from ingestion.fsck import check_tenant
from ingestion.models import ACTIVE_STATES, IngestJob
from ingestion.services import schedule_delete, schedule_document_delete
from ingestion.tasks import work_once
from minirag import wiring
from minirag.vectorstores.qdrant import QdrantStore
from sources.models import Document, Source
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import async_client_for, client_for, token_of
from tests.doubles.qdrant_faults import NAMES, failing
from tests.doubles.qdrant_rest import QdrantDouble
from tests.ingestion.conftest import Embedder, Plant, code

OLD = "# Kettle\n\nThe kettle boils a litre.\n\n## Colour\n\nIt is red."
WORDS = ("red", "blue")
NEW = "# Kettle\n\nThe kettle boils a litre.\n\n## Colour\n\nIt is blue."
# A request that the server refuses as such is a fault of ours: no use repeating it.
OURS = "400"
# A collection that is not there holds nothing: nothing is found, and a bot refuses.
NOTHING_THERE = "404"
# These only cost time, or hit writes alone: a search does not feel them.
HARMLESS_TO_READS = ("drip", "unapplied", "partial", "restart")


@pytest.fixture
def double(tmp_path: Path) -> Iterator[QdrantDouble]:
    with QdrantDouble(tmp_path / "double") as running:
        yield running
        assert running.violations == []


@pytest.fixture
def plant(
    transactional_db: None,
    tenant: Tenant,
    quick: None,
    embedder: Embedder,
    double: QdrantDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Plant]:
    """Ingestion on a Qdrant server."""
    store = QdrantStore(double.url, timeout=1)
    monkeypatch.setattr(wiring, "vector_store", lambda: store)
    yield Plant(tenant, embedder, store)  # type: ignore[arg-type]
    store.close()


def work_off(plant: Plant, job: IngestJob, seconds: float = 10.0) -> IngestJob:
    """Work as a worker does until ``job`` has ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        work_once()
        row = plant.job(job)
        if row.state not in ACTIVE_STATES:
            return row
    raise AssertionError(f"the job does not end: {row.state}, {row.waiting_for}")


def texts(plant: Plant, source: Source) -> set[str]:
    """What a search finds."""
    body = {"query": "kettle litre colour", "source_ids": [str(source.pk)], "top_k": 20}
    answer = client_for(token_of(plant.tenant)).post("/v1/search", body, "application/json")
    if answer.status_code == 404:
        return set()
    assert answer.status_code == 200, answer.content
    return {hit["text"] for hit in answer.json()["hits"]}


Act = Callable[[Plant, Source], IngestJob]


def _replace(plant: Plant, source: Source) -> IngestJob:
    plant.upload(source, kettle_md=NEW)
    return plant.schedule(source)


def _delete(plant: Plant, source: Source) -> IngestJob:
    with tenant_scope(plant.tenant.pk):
        return schedule_delete(plant.auth, source)


def _delete_document(plant: Plant, source: Source) -> IngestJob:
    with tenant_scope(plant.tenant.pk):
        return schedule_document_delete(plant.auth, Document.objects.get(key="kettle.md"))


ACTS: dict[str, Act] = {
    "create": lambda plant, source: plant.schedule(source),
    "replace": _replace,
    "delete": _delete,
    "delete document": _delete_document,
}


def under_a_fault(plant: Plant, double: QdrantDouble, fault: str, operation: str) -> None:
    source = plant.files(kettle_md=OLD, lamp_md="# Lamp\n\nThe lamp has a colour too.")
    if operation != "create":
        assert plant.ingest(source).state == "succeeded"
    job = ACTS[operation](plant, source)
    with failing(double, fault) as met:
        work_once()
        assert met() > 0, "the operation went past the fault"
    during = plant.job(job)
    if operation == "replace":
        # Old whole or new whole, while the job is not through.
        assert sum(any(word in text for text in texts(plant, source)) for word in WORDS) == 1
    if fault == OURS and operation in ("create", "replace"):
        assert (during.state, code(during)) == ("failed", "internal")
        job = plant.schedule(source)
    elif during.state == "queued":
        assert during.error is None and during.waiting_for
    ended = work_off(plant, job)
    assert (ended.state, ended.error) == ("succeeded", None)
    if fault == NOTHING_THERE and operation.startswith("delete"):
        _repair(plant)
    found = texts(plant, source)
    if operation == "delete":
        assert found == set() and plant.points(source) == set()
        return
    plant.check(source)
    assert any("lamp" in text for text in found)
    assert any("red" in text for text in found) is (operation == "create")
    assert any("blue" in text for text in found) is (operation == "replace")


def _repair(plant: Plant) -> None:
    """What a server left out of account is what fsck finds."""
    found = check_tenant(plant.tenant)
    assert found.unnamed and not found.missing
    with tenant_scope(plant.tenant.pk):
        schedule_check(plant.auth, repair=True)
    assert work_once()
    assert check_tenant(plant.tenant).clean


def reading(plant: Plant, double: QdrantDouble, fault: str) -> None:
    """A search either finds what is there or says that it cannot search."""
    source = plant.files(kettle_md=OLD)
    plant.ingest(source)
    client = client_for(token_of(plant.tenant))
    body = {"query": "kettle", "source_ids": [str(source.pk)]}
    with failing(double, fault) as met:
        answer = client.post("/v1/search", body, "application/json")
        assert met() > 0
    if fault in HARMLESS_TO_READS:
        assert answer.status_code == 200 and answer.json()["hits"]
    else:  # a collection that is not there included: its rows are
        error = answer.json()["error"]
        wanted = (500, "internal") if fault == OURS else (503, "retrieval_unavailable")
        assert (answer.status_code, error["code"]) == wanted
        assert ("Retry-After" in answer) is (answer.status_code == 503)
        assert "secret" not in answer.content.decode() and "dim" not in error["message"]
    assert texts(plant, source) == {chunk.text for chunk in plant.chunks(source)}


CASES = [(fault, operation) for fault in NAMES for operation in (*ACTS, "search")]
# In the gate, every fault meets at least two operations and every operation several faults.
GATE = [case for at, case in enumerate(CASES) if at % 3 == 0 and case[0] != "slow"]


def play(plant: Plant, double: QdrantDouble, case: tuple[str, str]) -> None:
    fault, operation = case
    if operation == "search":
        reading(plant, double, fault)
    else:
        under_a_fault(plant, double, fault, operation)


def test_the_family_is_whole() -> None:
    sys.stdout.write(f"VEC: {len(CASES)} cases and {len(NAMES)} of chat, {len(GATE)} in the gate\n")
    assert len(NAMES) >= 15 and len(CASES) >= 75 and len(GATE) >= 23
    assert {fault for fault, _ in GATE} | {"slow"} == set(NAMES)
    assert {operation for _, operation in GATE} == {*ACTS, "search"}


@pytest.mark.parametrize("case", GATE, ids="-".join)
def test_a_failing_server(plant: Plant, double: QdrantDouble, case: tuple[str, str]) -> None:
    play(plant, double, case)


@pytest.mark.long
@pytest.mark.parametrize("case", [case for case in CASES if case not in GATE], ids="-".join)
def test_every_failing_server(plant: Plant, double: QdrantDouble, case: tuple[str, str]) -> None:
    play(plant, double, case)


# --- chat ----------------------------------------------------------------------------------------


def _bot(plant: Plant) -> BotProfile:
    source = plant.files(kettle_md=OLD)
    plant.ingest(source)
    with tenant_scope(plant.tenant.pk):
        bot = BotProfile.objects.create(name="B", slug="b", model="fake/chat", score_threshold=0.05)
        BotSource.objects.create(bot=bot, source=source)
        found: BotProfile = bot
        return found


def _last(plant: Plant) -> Message:
    with platform_scope("tests"):
        found: Message | None = Message.objects.filter(role="assistant").latest("created_at")
        assert found is not None
        return found


async def ask_all(plant: Plant, double: QdrantDouble, faults: list[str]) -> None:
    bot = await sync_to_async(_bot)(plant)
    client = async_client_for(await sync_to_async(token_of)(plant.tenant))
    body = {"bot_profile_id": str(bot.pk), "message": "What does the kettle boil?"}
    for fault in faults:
        with failing(double, fault) as met:
            answer: Any = await client.post("/v1/chat", body, content_type="application/json")
            assert met() > 0, (fault, answer.content)
        row = await sync_to_async(_last)(plant)
        if fault in HARMLESS_TO_READS:
            assert answer.status_code == 200 and row.status == "completed", fault
            continue
        wanted = (500, "internal") if fault == OURS else (503, "retrieval_unavailable")
        assert (answer.status_code, answer.json()["error"]["code"]) == wanted, fault
        assert (row.status, row.content) == ("failed", ""), "ungrounded, as if grounded"
    await turns.shutdown()


async def test_a_chat_on_a_failing_server(plant: Plant, double: QdrantDouble) -> None:
    """Never an answer that pretends to have read something."""
    faults = [name for name in NAMES if name != "slow"]
    assert len(faults) >= 14
    await ask_all(plant, double, faults)


@pytest.mark.long
async def test_a_chat_on_a_slow_server(plant: Plant, double: QdrantDouble) -> None:
    await ask_all(plant, double, ["slow"])
