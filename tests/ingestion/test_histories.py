"""Whatever is edited in whatever order: points, rows and texts end as those of the source."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import tasks
from ingestion.models import IngestJob
from ingestion.services import schedule_document_delete
from minirag.errors import ProviderUnavailable
from tenants.scope import platform_scope, tenant_scope
from tests.ingestion.conftest import Plant

PARAGRAPHS = [f"Paragraph {n}." + f" Sentence {n} says what it says." * 9 for n in range(6)]
TEXTS = st.lists(st.sampled_from(PARAGRAPHS), max_size=6).map("\n\n".join)
KEYS = st.sampled_from(["a_md", "b_txt", "c_md"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, TEXTS),
    st.tuples(st.just("drop"), KEYS, st.just("")),
    st.tuples(st.just("fault"), KEYS, st.just("")),
)


@given(st.lists(STEPS, min_size=1, max_size=6))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_store_always_equals_the_rows(plant: Plant, steps: list[Any]) -> None:
    source = plant.files()
    wanted: dict[str, str] = {}
    for step, name, text in steps:
        key = name.replace("_", ".")
        if step == "put":
            plant.upload(source, **{name: text})
            if text.strip():
                wanted[key] = text
        elif step == "drop":
            document = plant.documents(source).get(key)
            wanted.pop(key, None)
            if document is not None:
                with tenant_scope(plant.tenant.pk):
                    schedule_document_delete(plant.auth, document)
        else:
            plant.embedder.fail_next(ProviderUnavailable())
        plant.schedule(source)
        settle()
        documents = plant.documents(source)
        assert {key: d.text for key, d in documents.items() if d.generation} == {
            key: text.strip() for key, text in wanted.items()
        }
        plant.check(source)


def settle() -> None:
    """Work until nothing is queued, waiting times set aside."""
    with platform_scope("tests"):
        while IngestJob.objects.filter(state="queued").update(not_before=None):
            tasks.work_once()
