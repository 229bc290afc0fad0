"""An embedding provider that fails in the middle of an ingest: every fault ends as CONTRACT says.

What may pass is tried again and then succeeds, what will not is told with its code, and each call
that the provider charged stands in the ledger: exact, or as estimated where its answer was lost.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.models import ACTIVE_STATES, IngestJob
from ingestion.tasks import work_once
from minirag import wiring
from minirag.providers import build_embedder
from minirag.types import Credentials
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.doubles.openai_server import OpenAIDouble
from tests.ingestion.conftest import Embedder, Plant, Store, code
from usage.models import UsageEvent, UsageStatus

pytest_plugins = ["tests.provider_fixtures"]
pytestmark = pytest.mark.usefixtures("provider_limits")

# Faults that pass, and whether the provider may have charged for the call that met them.
PASSING = {
    "408": False,
    "429": False,
    "429-retry": False,
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


@pytest.fixture
def plant(
    openai_double: OpenAIDouble,
    transactional_db: None,
    tenant: Tenant,
    quick: None,
    embedder: Embedder,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Plant]:
    """Ingestion with a provider on the wire, whose index is known already."""
    key = f"sk-CANARY-{tenant.pk}"
    credentials = Credentials({"api_key": key, "api_base": openai_double.base_url})
    monkeypatch.setattr(wiring, "embedder", build_embedder)
    with platform_scope("tests"):
        Tenant.objects.filter(pk=tenant.pk).update(
            embedding_model="openai/text-embedding-3-small", embedding_credentials=credentials
        )
    planted = Plant(tenant, embedder, store)
    assert planted.ingest(planted.text("The lamp is lit.", "Lamp")).state == "succeeded"
    yield planted
    openai_double.by_key.pop(key, None)


def calls(plant: Plant) -> list[UsageEvent]:
    with tenant_scope(plant.tenant.pk):
        return list(UsageEvent.objects.exclude(status=UsageStatus.RELEASED))


def assert_metered(plant: Plant, double: OpenAIDouble) -> None:
    rows = calls(plant)
    meter = double.meters[f"sk-CANARY-{plant.tenant.pk}"]
    exact = [row.input_tokens for row in rows if not row.estimated]
    assert {row.status for row in rows} == {UsageStatus.SETTLED}
    assert len(exact) <= meter.calls <= len(rows)
    assert sum(exact) <= meter.input_tokens


def work_off(plant: Plant, job: IngestJob) -> IngestJob:
    ends = time.monotonic() + 15
    while plant.job(job).state in ACTIVE_STATES and time.monotonic() < ends:
        work_once()
    return plant.job(job)


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes(
    plant: Plant, openai_double: OpenAIDouble, fault: str, settings: Any
) -> None:
    key = f"sk-CANARY-{plant.tenant.pk}"
    source = plant.text("The kettle boils a litre.")
    openai_double.script(key, fault)
    job = plant.schedule(source)
    before = len(calls(plant))
    work_once()
    during = plant.job(job)
    assert (during.state, during.error) == ("queued", None)
    assert "provider" in during.waiting_for or "model" in during.waiting_for
    lost = calls(plant)[before:] if len(calls(plant)) > before else []
    assert len(lost) == int(PASSING[fault])
    del openai_double.by_key[key]
    assert work_off(plant, job).state == "succeeded"
    plant.check(source)
    assert_metered(plant, openai_double)


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_lasts(plant: Plant, openai_double: OpenAIDouble, fault: str) -> None:
    """What stood before stands, the job says why, and mended settings bring it through."""
    key = f"sk-CANARY-{plant.tenant.pk}"
    source = plant.text("The kettle boils a litre.")
    openai_double.script(key, fault)
    ended = work_off(plant, plant.schedule(source))
    assert (ended.state, code(ended)) == ("failed", LASTING[fault])
    assert "CANARY" not in str(ended.error) and "/srv" not in str(ended.error)
    assert plant.points(source) == set()
    del openai_double.by_key[key]
    assert plant.ingest(source).state == "succeeded"
    plant.check(source)
    assert_metered(plant, openai_double)


def test_the_family_is_whole() -> None:
    sys.stdout.write(f"embedding faults: cases {len(PASSING) + len(LASTING)}\n")
    assert len(PASSING) >= 18 and len(LASTING) >= 8
