"""What a kept index was reached with stands until another attempt has gone well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.builds import change_embedding, credentials_for, held_credentials, wanted_embedding
from ingestion.models import IndexBuild, IngestJob, JobState
from ingestion.services import cancel_job, retry_job
from minirag import wiring
from minirag.errors import Invalid, ProviderMisconfigured
from minirag.types import Credentials
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import run_due
from tests.ingestion.migrating import KEY, LONGER, OLD, SAME, House, housed

NO_KEY = Credentials({"api_base": "https://models.example.com/v1"})


@pytest.fixture
def house(
    transactional_db: None,
    tenant: Tenant,
    quick: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    """SAME answered first, LONGER answers now; neither does without the key."""
    with housed("edge", tenant, tmp_path, monkeypatch) as house:

        def embedder(model: str, credentials: Credentials) -> Any:
            if model != OLD and credentials.values.get("api_key") != KEY.values["api_key"]:
                raise ProviderMisconfigured("This model needs an api_key.")
            return house.models[model]

        monkeypatch.setattr(wiring, "embedder", embedder)
        house.ingest(house.files(kettle_md="# Kettle\n\nThree years of warranty."))
        for model in (SAME, LONGER):
            house.change(model)
            run_due()
        assert house.row().embedding_model == LONGER
        yield house


def ask(house: House, model: str, credentials: Credentials) -> IngestJob:
    with tenant_scope(house.tenant.pk):
        change_embedding(house.auth, house.row(), model=model, credentials=credentials)
        build = wanted_embedding(house.row()).build
        assert build is not None
        job: IngestJob = IngestJob.objects.get(pk=build.job_id)
        return job


def held(house: House, model: str) -> Credentials | None:
    with tenant_scope(house.tenant.pk):
        return held_credentials(house.row(), model)


def state(house: House) -> str:
    return house.builds()[f"{SAME} v1"]


def test_a_change_that_fails_leaves_the_way_back(house: House) -> None:
    job = ask(house, SAME, NO_KEY)
    run_due()
    assert house.job(job).state == JobState.FAILED
    assert (state(house), held(house, SAME)) == ("kept", KEY)
    rollback = house.rollback()
    run_due()
    assert house.job(rollback).state == JobState.SUCCEEDED
    assert house.row().embedding_model == SAME and house.row().embedding_credentials == KEY
    house.sound()


def test_a_change_that_is_cancelled_or_given_up_leaves_it_too(house: House) -> None:
    job = ask(house, SAME, NO_KEY)
    with tenant_scope(house.tenant.pk):
        cancel_job(house.auth, IngestJob.objects.get(pk=job.pk))
    assert (state(house), held(house, SAME)) == ("kept", KEY)
    ask(house, SAME, NO_KEY)
    ask(house, SAME, Credentials({"api_key": "another wrong one"}))  # while the build is wanted
    house.change(LONGER)
    assert (state(house), held(house, SAME)) == ("kept", KEY)


def test_a_retry_tries_what_failed_and_a_rollback_does_not(house: House) -> None:
    job = ask(house, SAME, NO_KEY)
    run_due()
    with tenant_scope(house.tenant.pk):
        retry_job(house.auth, IngestJob.objects.get(pk=job.pk))
        assert wanted_embedding(house.row()).credentials == NO_KEY
    run_due()
    assert house.job(job).state == JobState.FAILED
    with tenant_scope(house.tenant.pk):
        house.rollback()
        assert wanted_embedding(house.row()).credentials == KEY
        cancel_job(house.auth, IngestJob.objects.latest("created_at"))
    assert (state(house), held(house, SAME)) == ("kept", KEY)


def test_what_went_well_leaves_nothing_aside(house: House) -> None:
    ask(house, SAME, NO_KEY)
    run_due()
    ask(house, SAME, KEY)
    run_due()
    assert house.row().embedding_model == SAME
    with platform_scope("tests"):
        live = IndexBuild.objects.get(model=SAME)
    assert not live.credentials and not live.set_aside


def test_a_change_that_names_only_the_model(house: House) -> None:
    """The kept index's own key; for another model the provider's; never another provider's."""
    other = Credentials({"api_key": "another key of the same provider"})
    with tenant_scope(house.tenant.pk):
        tenant = house.row()
        tenant.embedding_credentials = other
        tenant.save()
        assert credentials_for(tenant, SAME) == KEY
        assert credentials_for(tenant, LONGER) == other
        assert credentials_for(tenant, "openai/text-embedding-ada-002") == other
        assert credentials_for(tenant, OLD) == Credentials()
        assert credentials_for(tenant, "local/minilm-l6-v2") == Credentials()
        with pytest.raises(Invalid) as caught:
            credentials_for(tenant, "voyage/voyage-3")
    assert list(caught.value.fields or {}) == ["embedding_credentials"]
