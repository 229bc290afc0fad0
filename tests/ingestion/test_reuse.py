"""The same words are never embedded twice for one tenant, and never shared between two."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.models import JobState
from sources.models import Chunk, Document
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant

KETTLE = "# Kettle\n\n## Warranty\n\nThree years.\n\n## Care\n\nDescale it each month."


def test_the_same_text_in_two_documents_of_a_batch_is_embedded_once(plant: Plant) -> None:
    source = plant.files(one_md=KETTLE, two_md=KETTLE)
    assert plant.ingest(source).state == JobState.SUCCEEDED
    plant.check(source)
    assert len(plant.chunks(source)) == 2 * len(plant.embedder.texts)
    assert len(set(plant.embedder.texts)) == len(plant.embedder.texts)


def test_a_renamed_file_and_a_second_source_cost_nothing(plant: Plant) -> None:
    first = plant.files(kettle_md=KETTLE)
    plant.ingest(first)
    plant.embedder.calls.clear()
    with tenant_scope(plant.tenant.pk):
        Document.objects.filter(source=first).update(key="old.md")
    plant.upload(first, renamed_md=KETTLE)
    other = plant.files(copy_md=KETTLE)
    for source in (first, other):
        assert plant.ingest(source).state == JobState.SUCCEEDED
        plant.check(source)
    assert plant.embedder.calls == []


def test_copied_vectors_are_those_that_would_have_been_made(plant: Plant) -> None:
    first, second = plant.files(kettle_md=KETTLE), plant.files(copy_md=KETTLE)
    plant.ingest(first)
    plant.ingest(second)
    with platform_scope("tests"):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
        space = plant.space()
        pairs = Chunk.objects.values_list("embedded_hash", "qdrant_point_id")
        vectors = plant.store.vectors(space, tenant.pk, [point for _, point in pairs])
        by_hash: dict[str, list[bytes]] = {}
        for digest, point in pairs:
            by_hash.setdefault(digest, []).append(vectors[point].dense.tobytes())
    assert all(digest and len(same) == 2 and same[0] == same[1] for digest, same in by_hash.items())


def test_a_row_of_before_the_hash_matches_nothing(plant: Plant) -> None:
    first = plant.files(kettle_md=KETTLE)
    plant.ingest(first)
    with tenant_scope(plant.tenant.pk):
        Chunk.objects.update(embedded_hash="")
    plant.embedder.calls.clear()
    second = plant.files(copy_md=KETTLE)
    plant.ingest(second)
    assert len(plant.embedder.texts) == len(plant.chunks(second))


def test_another_tenant_pays_for_itself(plant: Plant, other_tenant: Tenant) -> None:
    plant.ingest(plant.files(kettle_md=KETTLE))
    plant.embedder.calls.clear()
    other = Plant(other_tenant, plant.embedder, plant.store)
    other.auth = system_context(other_tenant.pk, "tests")
    theirs = other.files(kettle_md=KETTLE)
    assert other.ingest(theirs).state == JobState.SUCCEEDED
    assert len(plant.embedder.texts) == len(other.chunks(theirs))
    other.check(theirs)


PARAGRAPHS = st.lists(st.sampled_from([f"Sentence number {n} stands here." for n in range(6)]),
                      min_size=1, max_size=5)  # fmt: skip


@pytest.mark.long
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PARAGRAPHS, min_size=1, max_size=4))
def test_no_history_of_edits_embeds_a_known_text_again(
    plant: Plant, history: list[list[str]]
) -> None:
    """Whatever is put into one of two files: what any live chunk says already is not embedded."""
    source = plant.files(one_md="Start.", two_md="Start.")
    plant.ingest(source)
    for at, paragraphs in enumerate(history):
        with platform_scope("tests"):
            known = set(Chunk.objects.values_list("text", flat=True))
        plant.embedder.calls.clear()
        text = "\n\n".join(f"# {p}\n\n{p}" for p in paragraphs)
        plant.upload(source, **{("one_md", "two_md")[at % 2]: text})
        assert plant.ingest(source).state == JobState.SUCCEEDED
        made = plant.embedder.texts
        assert len(made) == len(set(made))
        assert not {text.partition("\n")[2] or text for text in made} & known
        plant.check(source)
