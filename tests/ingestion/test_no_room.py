"""A disk that is full for a worker: its job waits until there is room, and nothing is lost."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import JobState
from ingestion.tasks import work_once
from minirag import wiring
from minirag.types import VectorSpace
from minirag.vectorstores.edge import EdgeStore
from tenants.models import Tenant
from tests.ingestion.conftest import Embedder, Plant, Store, code, run_due
from tests.limits import files_of_at_most

WORDS = "There is no room on the disk at the moment."


class FullStore(Store):
    """Its folder cannot be made, for as long as ``error`` says why."""

    error: int | None = errno.ENOSPC

    def ensure_collection(self, space: VectorSpace) -> None:
        if self.error is not None:
            raise OSError(self.error, "no room", "/srv/vectors")
        super().ensure_collection(space)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    full = FullStore(tmp_path / "vectors")
    monkeypatch.setattr(wiring, "vector_store", lambda: full)
    yield full
    full.close()


@pytest.fixture
def plant(
    transactional_db: None, tenant: Tenant, quick: None, embedder: Embedder, store: FullStore
) -> Plant:
    return Plant(tenant, embedder, store)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_job_waits_for_room(plant: Plant, store: FullStore, number: int) -> None:
    store.error = number
    source = plant.text("The kettle boils a litre.")
    job = plant.schedule(source)
    assert work_once()
    row = plant.job(job)
    assert (row.state, row.error, row.waiting_for) == (JobState.QUEUED, None, WORDS)
    assert plant.source(source).status == "queued"
    store.error = None
    while plant.job(job).state == JobState.QUEUED:
        run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    plant.check(source)


def test_a_job_that_waited_in_vain_says_why(plant: Plant, store: FullStore, settings: Any) -> None:
    settings.MINIRAG_JOB_ATTEMPTS = 1
    source = plant.text("The kettle boils a litre.")
    ended = plant.ingest(source)
    assert (ended.state, code(ended)) == (JobState.FAILED, "unavailable")
    assert ended.error == {"code": "unavailable", "message": WORDS}
    store.error = None
    assert plant.ingest(source).state == JobState.SUCCEEDED
    plant.check(source)


def test_what_is_no_lack_of_room_is_a_fault_of_ours(plant: Plant, store: FullStore) -> None:
    store.error = errno.EISDIR
    ended = plant.ingest(plant.text("The kettle boils a litre."))
    assert (ended.state, code(ended)) == (JobState.FAILED, "internal")
    assert "/srv" not in str(ended.error)


def test_a_store_that_could_not_be_taken_is_not_held(tmp_path: Path) -> None:
    first, second = EdgeStore(tmp_path), EdgeStore(tmp_path)
    with files_of_at_most(0), pytest.raises(OSError) as caught:
        first.ping()
    assert caught.value.errno == errno.EFBIG
    second.ping()
    second.close()
