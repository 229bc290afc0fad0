"""Whatever a site or an archive goes through: after each ingest the index holds what they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingestion.models import JobState
from minirag.sparse import encode_query
from minirag.types import VectorQuery, VectorSpace
from sources.models import Source
from tenants.models import Tenant
from tenants.scope import platform_scope
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant
from tests.ingestion.test_archive_uploads import packed
from tests.ingestion.web import web_source

NAMES = ("one", "two", "three", "four")
BODIES = tuple(
    f"Body {n} tells of subject{n}." + f" It says subject{n} again and again." * 6 for n in range(5)
)
# What upstream holds at each step: a name to a body.
STATES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(BODIES), min_size=1)
HISTORIES = st.lists(STATES, min_size=2, max_size=4)
quiet = hypothesis_settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(HISTORIES)
@quiet
def test_an_archive_and_its_documents_agree(plant: Plant, history: list[dict[str, str]]) -> None:
    source = plant.files()
    for state in history:
        plant.upload(source, all_zip=packed(**{f"{n}_txt": body for n, body in state.items()}))
        agree(plant, source, {f"{name}.txt": body for name, body in state.items()})


@given(HISTORIES)
@quiet
@pytest.mark.parametrize("kind", ["sitemap", "crawl"])
def test_a_site_and_its_documents_agree(
    plant: Plant, site: Site, settings: Any, kind: str, history: list[dict[str, str]]
) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    for state in history:
        site.pages.clear()
        links = "".join(f'<a href="/{name}.txt">{name}</a>' for name in sorted(state))
        site.page("/", f"<p>Start of the site</p>{links}".encode(), Content_Type="text/html")
        site.sitemap(["/", *(f"/{name}.txt" for name in sorted(state))])
        for name, body in state.items():
            site.tagged(f"/{name}.txt", body.encode(), f'"{BODIES.index(body)}"', "text/plain")
        wanted = {site.url(f"/{name}.txt"): body for name, body in sorted(state.items())}
        if kind == "crawl":  # the same words once, under whichever of their names
            agree(plant, source, wanted, front=site.url("/"), doubles=True)
        else:
            agree(plant, source, wanted, front=site.url("/"))


def agree(
    plant: Plant,
    source: Source,
    wanted: dict[str, str],
    *,
    front: str = "",
    doubles: bool = False,
) -> None:
    """Ingest, then compare rows, points, searches and what was embedded with the model."""
    before = held_by(plant, source, front)
    known = {chunk.text for chunk in plant.chunks(source)}
    plant.embedder.calls.clear()
    if front and (job := plant.ingest(source)).state == JobState.PARTIAL:
        # A site that lost more than half of its pages loses them when it says so twice.
        assert "were not found any more" in (job.error or {})["message"]
        left = {key: body for key, body in before.items() if key not in wanted}
        held = held_by(plant, source, front)
        assert all(held.get(key) == body or body in wanted.values() for key, body in left.items())
    assert plant.ingest(source).state == JobState.SUCCEEDED
    held = held_by(plant, source, front)
    if doubles:
        assert sorted(held.values()) == sorted(set(wanted.values()))
        assert held.items() <= wanted.items()
    else:
        assert held == wanted
    plant.check(source)
    again = [text for text in plant.embedder.texts if text in known]
    if not doubles:
        fresh = placed(before, wanted)
        assert all(any(text in body for body in fresh) for text in again)
    found = searched(plant, source)
    assert found == {c.qdrant_point_id for c in plant.chunks(source)}


def held_by(plant: Plant, source: Source, front: str) -> dict[str, str]:
    return {
        key: row.text
        for key, row in plant.documents(source).items()
        if row.generation and key != front
    }


def placed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Bodies that came to stand where they did not, and that no key which left brought along."""
    left = [body for key, body in before.items() if key not in after]
    fresh = []
    for key, body in after.items():
        if key not in before and body in left:
            left.remove(body)
        elif before.get(key) != body:
            fresh.append(body)
    return fresh


def searched(plant: Plant, source: Source) -> set[Any]:
    """Everything that a search in the source can find."""
    with platform_scope("tests"):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
    space = VectorSpace(tenant.embedding_model, tenant.index_dimensions or 0)
    vectors = plant.embedder.embed(["subject"], purpose="query").vectors
    query = VectorQuery(vectors[0], encode_query("subject"), [source.pk], 500)
    return {hit.point_id for hit in plant.store.search(space, tenant.pk, query)}
