"""Where pages begin inside a chunk is kept with it, whatever becomes of its vectors."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps

from ingestion.models import JobKind, JobState
from ingestion.services import schedule_reindex
from sources.models import Chunk, Document
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant, run_due
from tests.parsing.makers import make_pdf

PAGES = ("The okapi is shy.", "Beds are watered.", "The quagga became extinct in 1883.")
PDF = make_pdf([[(words, -1)] for words in PAGES])
migration = import_module("sources.migrations.0006_chunk_page_breaks")


def pages_of(chunk: Chunk) -> list[tuple[str, int]]:
    """The beginning of the words of each page that begins inside the chunk."""
    return [(chunk.text[at - chunk.start :][:9], page) for at, page in chunk.page_breaks]


def test_an_index_made_anew_keeps_them(plant: Plant) -> None:
    source = plant.files(animals_pdf=PDF)
    plant.ingest(source)
    (before,) = plant.chunks(source)
    assert before.page == 1 and pages_of(before) == [("Beds are ", 2), ("The quagg", 3)]
    with tenant_scope(plant.tenant.pk):
        job = schedule_reindex(plant.auth, source)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED and job.kind == JobKind.REINDEX
    (after,) = plant.chunks(source)
    assert after.qdrant_point_id != before.qdrant_point_id
    assert (after.pk, after.page_breaks) == (before.pk, before.page_breaks)
    plant.check(source)


def test_rows_of_before_get_them_by_the_next_ingest_for_nothing(plant: Plant) -> None:
    source = plant.files(animals_pdf=PDF, plain_md="# Plain\n\nNo pages here.")
    plant.ingest(source)
    before = {
        chunk.pk: (chunk.page_breaks, chunk.qdrant_point_id) for chunk in plant.chunks(source)
    }
    with platform_scope("tests"):
        Chunk.objects.update(page_breaks=[])
        migration.cut_anew(apps, None)
        again = Document.objects.filter(index_model="").values_list("key", flat=True)
        assert list(again) == ["animals.pdf"]
    plant.embedder.calls.clear()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    after = {chunk.pk: (chunk.page_breaks, chunk.qdrant_point_id) for chunk in plant.chunks(source)}
    assert after == before and not plant.embedder.calls
    plant.check(source)
