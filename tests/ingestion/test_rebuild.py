"""RBD: the store is damaged; ``fsck_vectors`` says exactly how, and the repair brings all back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import qdrant_edge as engine
from django.core.management import call_command

from chat.retrieval import retrieve
from ingestion.models import JobState
from minirag.types import Point, PointSelector, SparseVector
from sources.models import Chunk, Source
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.ingestion.conftest import run_due
from tests.ingestion.migrating import LONGER, House, housed
from tests.vectorstores.harness import strip_payload

_FAULTS = ("missing", "doubles", "orphans", "wrong_payloads", "wrong_vectors")
QUESTIONS = ("part 7 of the kettle", "how is part 31 cleaned", "lamp")
TEXT = "\n\n".join(
    f"## Part {n}\n\nPart {n} of the kettle is cleaned with tool {n * 7 % 50} in week {n % 9}."
    for n in range(60)
)


@pytest.fixture(params=["edge", pytest.param("qdrant", marks=pytest.mark.long)])
def house(
    request: pytest.FixtureRequest,
    transactional_db: None,
    tenant: Tenant,
    quick: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    with housed(request.param, tenant, tmp_path, monkeypatch) as house:
        yield house


@pytest.fixture
def sources(house: House) -> list[Source]:
    made = [house.files(kettle_md=f"# Kettle\n\n{TEXT}"), house.text("The lamp has one button.")]
    for source in made:
        assert house.ingest(source).state == JobState.SUCCEEDED
    house.models[house.row().embedding_model].calls.clear()
    return made


HOW = [
    "wiped",
    "one in a hundred lost",
    "payloads stripped",
    "payloads of others",
    "vectors lost",
    "strangers",
]


def fsck(*options: str) -> tuple[int, dict[str, Any]]:
    """Exit status and the one tenant's figures."""
    out, status = StringIO(), 0
    try:
        call_command("fsck_vectors", "--json", *options, stdout=out, stderr=StringIO())
    except SystemExit as error:
        status = int(str(error.code))
    answer = json.loads(out.getvalue())
    assert answer["clean"] == (status == 0)
    return status, answer["tenants"][0]


def faults(figures: dict[str, Any]) -> dict[str, int]:
    return {name: figures[name] for name in _FAULTS if figures[name]}


def answers(house: House, sources: Sequence[Source]) -> list[list[tuple[UUID, float]]]:
    with tenant_scope(house.tenant.pk):
        ids = [source.pk for source in sources]
        found = [retrieve(house.row(), ids, question, 100).passages for question in QUESTIONS]
    # Passages of equal score stand in any order.
    return [sorted((p.chunk_id, round(p.score, 4)) for p in passages) for passages in found]


def damage(house: House, how: str) -> dict[str, int]:
    """Hurt the store behind our back; what the look must say of it."""
    space, shard = house.space(), house.shard_of(house.space())
    named = sorted(house.named())
    some = named[:: max(1, len(named) // 3)][:3]
    if how == "wiped":
        house.store.delete(space, house.tenant.pk, PointSelector())
        return {"missing": len(named)}
    if how == "one in a hundred lost":
        lost = named[::100]
        house.store.delete(space, house.tenant.pk, PointSelector(point_ids=lost))
        return {"missing": len(lost)}
    if how == "payloads stripped":
        strip_payload(shard, some)
        return {"missing": len(some)}
    if how == "payloads of others":
        wrong = {"document_id": str(uuid4()), "chunk_id": "no id"}
        shard.update(engine.UpdateOperation.set_payload([*some], wrong))
        return {"wrong_payloads": len(some)}
    if how == "vectors lost":
        shard.update(engine.UpdateOperation.delete_vectors([*some], ["dense"]))
        return {"wrong_vectors": len(some)}
    with tenant_scope(house.tenant.pk):
        chunk = Chunk.objects.all()[0]
    owners = [(chunk.document_id, chunk.source_id), (uuid4(), uuid4())]
    dense, terms = np.ones(space.dimensions, dtype=np.float32), SparseVector((1,), (1.0,))
    points = [Point(uuid4(), uuid4(), *owner, dense, terms) for owner in owners]
    house.store.upsert(space, house.tenant.pk, points)
    return {"doubles": 1, "orphans": 1}


@pytest.mark.parametrize("how", HOW)
def test_damage_is_told_exactly_and_repaired(house: House, sources: list[Source], how: str) -> None:
    before, points = answers(house, sources), house.named()
    assert fsck()[0] == 0
    expected = damage(house, how)
    status, figures = fsck()
    assert status == 1 and faults(figures) == expected
    house.models[house.row().embedding_model].calls.clear()
    status, figures = fsck("--repair")
    assert status == 0 and faults(figures) == {}
    # Nothing but what was missing was embedded, and nothing got another id.
    again = house.models[house.row().embedding_model].texts
    assert len(again) == expected.get("missing", 0) + expected.get("wrong_vectors", 0)
    assert house.named() == points == house.held(house.space())
    assert answers(house, sources) == before


def test_what_a_build_left_behind_is_a_stray(house: House, sources: list[Source]) -> None:
    former = house.space()
    house.change(LONGER)
    run_due()
    status, figures = fsck()
    (other,) = figures["other_indexes"]
    assert status == 0 and other["state"] == "kept" and other["points"] == len(house.named())
    with tenant_scope(house.tenant.pk):
        from_before = Point(
            uuid4(), uuid4(), uuid4(), uuid4(), np.ones(32, dtype=np.float32), SparseVector((), ())
        )
    house.store.upsert(former, house.tenant.pk, [from_before])
    status, figures = fsck()
    assert status == 1 and figures["other_indexes"][0]["strays"] == 1
    assert fsck("--repair")[0] == 0
    assert house.held(former) == house.named()
