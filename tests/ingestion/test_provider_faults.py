"""An embedding provider that fails in the middle of an ingest: every fault ends as CONTRACT says.

What may pass is tried again and then succeeds, what will not is told with its code, and each call
that the provider charged stands in the ledger: exact, or as estimated where its answer was lost.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from ingestion.models import ACTIVE_STATES, IngestJob
from ingestion.services import cancel_job
from ingestion.tasks import work_once
from minirag import wiring
from minirag.errors import ProviderUnavailable
from minirag.providers import build_embedder
from minirag.types import Credentials, Embeddings
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.doubles.openai_paced import PacedDouble
from tests.ingestion.conftest import Embedder, Plant, Store, beside, code
from usage.models import UsageEvent, UsageStatus

pytest_plugins = ["tests.provider_fixtures"]
pytestmark = pytest.mark.usefixtures("provider_limits")

KEY = "sk-CANARY-of-an-ingest"
# Faults that pass, and whether the provider may have charged for the call that met them.
PASSING = {
    "408": False,
    "429": False,
    "429-retry": False,
    "429-absurd": False,
    "429-negative": False,
    "429-garbage": False,
    "429-date": False,
    "500": False,
    "502": False,
    "503": False,
    "503-retry": False,
    "529": False,
    "html": False,
    "hang-headers": True,
    "reset-headers": True,
    "nothing": True,
    "garbage": True,
    "half-json": True,
    "short": True,
    "zeros": True,
    "ragged": True,
    "nan": True,
}
# One of each kind in the gate.
GATE = ("408", "429-retry", "503", "html", "hang-headers", "reset-headers", "half-json", "ragged")
LASTING = {
    "400": "provider_rejected",
    "401": "provider_misconfigured",
    "402": "provider_rejected",
    "403": "provider_misconfigured",
    "404": "provider_rejected",
    "413": "provider_rejected",
    "422": "provider_rejected",
    "redirect": "provider_misconfigured",
}
# Of the answers that can be read: whether the provider said what they cost.
ODD = {"reversed": True, "no-usage": False}
# Faults that meet the second of three rounds, and what they cost: nothing, or an estimate each.
MIDDLE = {"500": False, "429-retry": False, "reset-headers": True, "half-json": True}
# Calls side by side, and texts in each.
LANES, BATCH = 2, 16
# Three rounds of them.
CHUNKS = 3 * LANES * BATCH


@dataclass(frozen=True, slots=True)
class Books:
    """What one job, or the provider, wrote down."""

    exact: int
    estimated: int
    released: int
    tokens: int


def ledger(plant: Plant, job: IngestJob) -> Books:
    """The job's calls in the ledger, none of them open; ``tokens`` are those of the exact ones."""
    with tenant_scope(plant.tenant.pk):
        rows = list(UsageEvent.objects.filter(ingest_job_id=job.pk))
    released = [row for row in rows if row.status == UsageStatus.RELEASED]
    settled = [row for row in rows if row.status == UsageStatus.SETTLED]
    assert len(released) + len(settled) == len(rows), "a call was left open"
    assert not any(row.input_tokens for row in released)
    guessed = [row for row in settled if row.estimated]
    assert all(row.input_tokens > 0 for row in guessed)
    known = [row.input_tokens for row in settled if not row.estimated]
    return Books(len(known), len(guessed), len(released), sum(known))


def charged(double: PacedDouble) -> tuple[int, int]:
    meter = double.meters[KEY]
    return meter.calls, meter.input_tokens


def asked(double: PacedDouble) -> Counter[str]:
    """How often each text was sent."""
    bodies = [one.body["input"] for one in double.history]
    return Counter(text for texts in bodies for text in texts)


@pytest.fixture(scope="module")
def double() -> Iterator[PacedDouble]:
    with PacedDouble() as running:
        yield running


@pytest.fixture
def plant(
    double: PacedDouble,
    transactional_db: None,
    tenant: Tenant,
    quick: None,
    embedder: Embedder,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> Iterator[Plant]:
    """Ingestion with a provider on the wire, whose index is known already."""
    settings.MINIRAG_EMBED_PARALLEL = LANES
    monkeypatch.setattr(wiring, "embedder", build_embedder)
    point_at(tenant, double.base_url)
    planted = Plant(tenant, embedder, store)
    assert planted.ingest(planted.text("The lamp is lit.", "Lamp")).state == "succeeded"
    double.history.clear()
    yield planted
    double.by_key.clear()


def point_at(tenant: Tenant, base_url: str) -> None:
    tenant.embedding_model = "openai/text-embedding-3-small"
    tenant.embedding_credentials = Credentials({"api_key": KEY, "api_base": base_url})
    with platform_scope("tests"):
        tenant.save()


def work_off(plant: Plant, job: IngestJob) -> IngestJob:
    ends = time.monotonic() + 15
    while plant.job(job).state in ACTIVE_STATES and time.monotonic() < ends:
        work_once()
    return plant.job(job)


def parts(name: str, count: int) -> str:
    """A text of so many chunks that no other text has, so that all must be embedded."""

    def part(at: int) -> str:
        screws = (f"Screw {at}-{screw} takes {screw} newtons." for screw in range(4))
        return f"# Part {at}\n\nOf {name}: {' '.join(screws)}"

    return "\n\n".join(part(at) for at in range(count))


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(GATE, id="gate"),
        pytest.param([*(set(PASSING) - set(GATE))], id="rest", marks=pytest.mark.long),
    ],
)
def test_faults_that_pass(plant: Plant, double: PacedDouble, faults: Sequence[str]) -> None:
    for fault in faults:
        paid = PASSING[fault]
        source = plant.text(parts(fault, 2))
        calls, tokens = charged(double)
        double.script(KEY, fault)
        job = plant.schedule(source)
        assert work_once()
        during = plant.job(job)
        assert (during.state, during.error) == ("queued", None), fault
        assert "model provider" in during.waiting_for, fault
        assert "CANARY" not in during.waiting_for and "/srv" not in during.waiting_for
        assert ledger(plant, job) == Books(0, int(paid), int(not paid), 0), fault
        del double.by_key[KEY]
        retried = charged(double)
        assert work_off(plant, job).state == "succeeded", fault
        plant.check(source)
        assert len(plant.chunks(source)) == 2
        books = ledger(plant, job)
        assert (books.exact, books.estimated, books.released) == (1, int(paid), int(not paid))
        after = charged(double)
        assert books.tokens == after[1] - retried[1], fault
        assert 1 <= after[0] - calls <= 1 + books.estimated, "no charged call is missing"
        assert after[1] - tokens <= books.tokens * (1 + paid)


def test_faults_that_last(plant: Plant, double: PacedDouble) -> None:
    """The job says why; nothing was paid; mended settings bring it through."""
    for fault, expected in LASTING.items():
        source = plant.text(parts(fault, 2))
        before = charged(double)
        double.script(KEY, fault)
        job = plant.schedule(source)
        ended = work_off(plant, job)
        assert (ended.state, code(ended)) == ("failed", expected), fault
        assert plant.source(source).status == "failed"
        assert "CANARY" not in str(ended.error) and "/srv" not in str(ended.error)
        assert ledger(plant, job) == Books(0, 0, 1, 0), fault
        assert charged(double) == before and plant.points(source) == set()
        del double.by_key[KEY]
        assert plant.ingest(source).state == "succeeded"
        plant.check(source)


def test_what_does_not_pass_ends_after_all_attempts(
    plant: Plant, double: PacedDouble, settings: Any
) -> None:
    settings.MINIRAG_JOB_ATTEMPTS = 2
    for fault, paid in {"500": False, "nothing": True}.items():
        double.script(KEY, fault)
        job = plant.schedule(plant.text(parts(f"{fault}-stays", 2)))
        ended = work_off(plant, job)
        assert (ended.state, code(ended), ended.attempts) == ("failed", "provider_unavailable", 2)
        assert ledger(plant, job) == Books(0, 2 * paid, 2 * (not paid), 0)


def test_a_provider_that_nobody_reaches(plant: Plant, double: PacedDouble) -> None:
    source = plant.text(parts("elsewhere", 2))
    point_at(plant.tenant, "http://127.0.0.1:9/v1")
    job = plant.schedule(source)
    assert work_once()
    assert plant.job(job).state == "queued"
    assert ledger(plant, job) == Books(0, 0, 1, 0)
    point_at(plant.tenant, double.base_url)
    assert work_off(plant, job).state == "succeeded"
    plant.check(source)


def test_odd_answers_that_can_be_read(plant: Plant, double: PacedDouble) -> None:
    for fault, told in ODD.items():
        source = plant.text(parts(fault, 2))
        before = charged(double)
        double.script(KEY, fault)
        job = plant.schedule(source)
        assert work_off(plant, job).state == "succeeded", fault
        plant.check(source)
        books = ledger(plant, job)
        assert (books.exact, books.estimated) == (int(told), int(not told)), fault
        after = charged(double)
        assert after[0] - before[0] == 1
        assert books.tokens == (after[1] - before[1]) * told


def test_vectors_of_another_length_are_paid_and_refused(plant: Plant, double: PacedDouble) -> None:
    """All of one answer are of one length: it can be read, and belongs to another index."""
    source = plant.text("One chunk alone.")
    before = charged(double)
    double.script(KEY, "ragged")
    job = plant.schedule(source)
    ended = work_off(plant, job)
    assert (ended.state, code(ended)) == ("failed", "provider_misconfigured")
    paid = charged(double)[1] - before[1]
    assert paid > 0 and ledger(plant, job) == Books(1, 0, 0, paid)
    assert plant.points(source) == set()


# --- in the middle of many rounds -----------------------------------------------------------------


def break_in_the_middle(
    plant: Plant, double: PacedDouble, fault: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> tuple[IngestJob, Any]:
    """One round is answered, both calls of the next one meet ``fault``; then all is well again."""
    settings.MINIRAG_PROVIDER_EMBED_TIMEOUT = 20.0
    monkeypatch.setattr("minirag.providers.LiteLLMEmbedder.batch_limit", BATCH)
    double.history.clear()
    source = plant.text(parts(fault, CHUNKS))
    job = plant.schedule(source)
    double.hold(after=LANES)
    worker = beside(work_once)
    try:
        assert double.holding.wait(20)
        double.script(KEY, fault)
    finally:
        double.let_go()
        worker.join(30)
    assert not worker.is_alive()
    double.by_key.clear()
    return job, source


@pytest.mark.parametrize("fault", MIDDLE)
def test_a_fault_in_the_middle_that_passes(
    plant: Plant,
    double: PacedDouble,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    before = charged(double)
    job, source = break_in_the_middle(plant, double, fault, monkeypatch, settings)
    assert (plant.job(job).state, plant.job(job).error) == ("queued", None)
    assert work_off(plant, job).state == "succeeded"
    plant.check(source)
    again = Counter(asked(double).values())
    assert again == {1: 2 * LANES * BATCH, 2: LANES * BATCH}, "only the failed round again"
    books, (calls, tokens) = ledger(plant, job), charged(double)
    assert books.exact == 3 * LANES == calls - before[0]
    assert books.tokens == tokens - before[1]
    assert books.estimated + books.released == LANES
    assert books.estimated == LANES if MIDDLE[fault] else books.released >= 1


def test_a_fault_in_the_middle_that_lasts(
    plant: Plant, double: PacedDouble, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Another go, once the key is mended, does not pay again for what was stored."""
    before = charged(double)
    job, source = break_in_the_middle(plant, double, "401", monkeypatch, settings)
    ended = plant.job(job)
    assert (ended.state, code(ended)) == ("failed", "provider_misconfigured")
    assert ledger(plant, job).exact == LANES == charged(double)[0] - before[0]
    assert plant.chunks(source) == [], "no half of a document is found"
    second = plant.ingest(source)
    assert second.state == "succeeded"
    plant.check(source)
    assert ledger(plant, second).exact == 2 * LANES
    assert (
        ledger(plant, job).tokens + ledger(plant, second).tokens == charged(double)[1] - before[1]
    )


class Uneven(Embedder):
    """The first batch does ``then`` when the second one's answer is in: what that cost is known."""

    batch_limit = BATCH

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self.then = then
        self.answered = threading.Event()
        self.thread = threading.current_thread()

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        if "Part 0\n" in texts[0]:
            assert self.answered.wait(10)
            self.thread.join(10)  # and with it, its answer is handed over
            self.then()
        self.thread = threading.current_thread()
        self.answered.set()
        return super().embed(texts, purpose=purpose)

    def job(self, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> IngestJob:
        """A job of two calls at once, in an index that is to be made."""
        monkeypatch.setattr(wiring, "embedder", lambda model, credentials: self)
        with platform_scope("tests"):
            tenants = Tenant.objects.filter(pk=plant.tenant.pk)
            tenants.update(index_dimensions=None, index_version=2)
        return plant.schedule(plant.text(parts("both", CHUNKS)))

    def answer(self) -> Sequence[str]:
        """The texts of the one call that was answered."""
        (call,) = [call for call in self.calls if call.purpose == "document"]
        return call.texts


def test_an_answer_beside_a_failed_call_is_counted_as_told(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ProviderUnavailable

    uneven = Uneven(fail)
    job = uneven.job(plant, monkeypatch)
    assert work_once()
    assert plant.job(job).state == "queued"
    books = ledger(plant, job)
    assert (books.exact, books.estimated, books.released) == (1, 0, 1)
    assert len(uneven.answer()) == BATCH and books.tokens > 0


def test_an_answer_that_a_cancelled_job_did_not_look_at_is_counted_as_told(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was still under way may be paid for: it is counted as estimated."""
    both, gate = threading.Event(), threading.Event()

    def hang() -> None:
        both.set()
        gate.wait(30)

    uneven = Uneven(hang)
    job = uneven.job(plant, monkeypatch)
    worker = beside(work_once)
    try:
        assert both.wait(20)
        with tenant_scope(plant.tenant.pk):
            cancel_job(plant.auth, plant.job(job))
        worker.join(20)
        assert len(uneven.answer()) == BATCH
    finally:
        gate.set()
    assert plant.job(job).state == "cancelled"
    books = ledger(plant, job)
    assert (books.exact, books.estimated, books.released) == (1, 1, 0) and books.tokens > 0


def test_the_family_is_whole() -> None:
    faults = [*PASSING, *LASTING, *ODD]
    sys.stdout.write(f"embedding faults: {len(faults)} alone, {len(MIDDLE) + 2} in the middle\n")
    assert set(GATE) < set(PASSING)
    assert len(PASSING) >= 22 and len(LASTING) >= 8 and len(ODD) >= 2 and len(MIDDLE) >= 4
