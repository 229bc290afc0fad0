"""``manage.py reindex``: what it would cost, a new index, and the way back."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.models import IndexBuild, JobState
from sources.models import Source
from tenants.scope import tenant_scope
from tests.ingestion.conftest import Plant


@pytest.fixture
def source(plant: Plant) -> Source:
    source = plant.files(kettle_md="# Kettle\n\nThree years.", lamp_md="# Lamp\n\nOne button.")
    assert plant.ingest(source).state == JobState.SUCCEEDED
    return source


def reindex(*options: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("reindex", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_dry_run_tells_tokens_cost_and_time_and_changes_nothing(
    plant: Plant, source: Source
) -> None:
    space, points = plant.space(), plant.points(source)
    tokens = sum(chunk.token_count for chunk in plant.chunks(source))
    for options in (("--all",), ("--tenant", plant.tenant.slug), ("--source", str(source.pk))):
        told, _ = reindex(*options, "--dry-run")
        assert f"2 chunks, {tokens} tokens, cost about $0.0000, about 1 min" in told
    with tenant_scope(plant.tenant.pk):
        assert not IndexBuild.objects.exists()
    assert plant.space() == space and plant.points(source) == points


def test_a_tenant_gets_a_new_index_and_goes_back_to_the_former(
    plant: Plant, source: Source
) -> None:
    former = plant.space()
    told, progress = reindex("--tenant", plant.tenant.slug)
    assert "1 tenants answer from a new index" in told and "2/2 chunks" in progress
    assert plant.space().version == former.version + 1
    plant.check(source)
    plant.embedder.calls.clear()
    told, _ = reindex("--tenant", plant.tenant.slug, "--rollback")
    assert "former index" in told and plant.space() == former
    assert len(plant.embedder.calls) == 1  # it is tried before it answers
    plant.check(source)


def test_a_copy_embeds_nothing_anew(plant: Plant, source: Source) -> None:
    plant.embedder.calls.clear()
    reindex("--tenant", plant.tenant.slug, "--copy")
    assert len(plant.embedder.calls) == 1
    plant.check(source)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Say what"),
        (("--all", "--rollback"), "of one tenant"),
        (("--tenant", "nobody"), "no tenant"),
        (("--source", "00000000-0000-4000-8000-000000000000"), "no source"),
        (("--source", "00000000-0000-4000-8000-000000000000", "--copy"), "no index of its own"),
    ],
)
def test_what_makes_no_sense_is_refused(plant: Plant, options: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        reindex(*options)


def test_there_is_nothing_to_go_back_to(plant: Plant, source: Source) -> None:
    with pytest.raises(CommandError, match="No former index"):
        reindex("--tenant", plant.tenant.slug, "--rollback")


def test_an_empty_tenant_has_nothing_to_do(plant: Plant) -> None:
    assert "nothing to do" in reindex("--all")[0]
