"""Whatever an archive or a site goes through: the preview's figures are those of the ingest."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sources.models import DocumentStatus, Source
from tenants.models import Tenant
from tenants.scope import platform_scope
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant
from tests.ingestion.test_preview import looked
from tests.ingestion.web import web_source
from tests.parsing.makers import make_zip


def body(*parts: int) -> str:
    return "\n\n".join(f"# Part {n}\n\nPart {n} tells of subject{n} again." for n in parts)


# Documents that share most of their parts with another, some, or none.
BODIES = (body(0, 1, 2, 3), body(0, 1, 2, 3, 4), body(0, 5), body(6, 7, 8), body(9), "\x00" * 9)
NAMES = ("one", "two", "three", "four", "five")
STATES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(BODIES), min_size=1)
HISTORIES = st.lists(STATES, min_size=2, max_size=4)
quiet = hypothesis_settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
A, B, C, D, E, BAD = BODIES
ALL = dict(zip(NAMES, (A, C, D, E, A), strict=True))
# What a tester found: moved, moved and edited, the same words twice, most of a site gone.
moved = example([{"one": A, "two": D}, {"three": A, "four": D}])
edited = example([{"one": A, "two": D}, {"three": B, "two": D}])
twice = example([{"one": A, "two": A, "three": A}, {"four": A, "one": A, "two": D}])
gone = example([ALL, {"one": A}, {"one": A}, ALL])
unreadable = example([{"one": A, "two": D}, {"one": BAD, "three": BAD, "four": E}])


@given(HISTORIES)
@moved
@edited
@twice
@gone
@unreadable
@quiet
def test_of_an_archive(plant: Plant, history: list[dict[str, str]]) -> None:
    source = plant.files()
    for state in history:
        entries = {f"{name}.md": text.encode() for name, text in state.items()}
        plant.upload(source, all_zip=make_zip(entries))
        agree(plant, source)


@given(HISTORIES, st.booleans())
@example([ALL, {"one": A}, {"one": A}, ALL], False)
@example([{"one": A, "two": A, "three": D}, {"four": A, "five": A, "three": D}], True)
@example([{"one": A, "two": D}, {"three": B, "two": D}, {"four": A}], True)
@example([ALL | {"two": BAD}, {"one": A, "two": A}], True)
@example([{"one": A, "two": BAD}, {"one": A}], False)
@quiet
@pytest.mark.parametrize("kind", ["sitemap", pytest.param("crawl", marks=pytest.mark.long)])
def test_of_a_site(
    plant: Plant, site: Site, settings: Any, kind: str, history: list[dict[str, str]], prune: bool
) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0
    address = site.url("/sitemap.xml" if kind == "sitemap" else "/")
    source = web_source(plant, kind, address, prune=prune)
    for state in history:
        site.pages.clear()
        links = "".join(f'<a href="/{name}.md">{name}</a>' for name in sorted(state))
        site.page("/", f"<p>Start of the site</p>{links}".encode(), Content_Type="text/html")
        site.sitemap(["/", *(f"/{name}.md" for name in sorted(state))])
        for name, text in state.items():
            site.page(f"/{name}.md", text.encode(), Content_Type="text/markdown")
        agree(plant, source)


def test_of_words_that_another_source_has(plant: Plant) -> None:
    """Their vectors are copied: neither announced nor embedded."""
    plant.ingest(plant.files(first_md=B))
    source = plant.files(copy_md=A, more_md=f"{A}\n\n{E}", again_md=E)
    assert looked(plant, source).new_chunks == 1
    agree(plant, source)
    plant.wipe()  # and what the store has lost is made anew
    plant.upload(source, copy_md=f"{A}\n\n{C}")
    agree(plant, source)


def test_of_what_there_is_no_room_for(plant: Plant) -> None:
    with platform_scope("tests"):
        Tenant.objects.filter(pk=plant.tenant.pk).update(max_documents=3)
    source = plant.files(all_zip=make_zip({f"{n}.md": body(n).encode() for n in range(4)}))
    found = looked(plant, source)
    assert (found.counts["added"], found.counts["failed"]) == (2, 2)
    plant.ingest(source)
    assert sum(1 for row in plant.documents(source).values() if row.generation) == 2


def agree(plant: Plant, source: Source) -> Counter[str]:
    """Look ahead, ingest, and compare. Returns what became of the documents."""
    before = {row.pk: row for row in plant.documents(source).values()}
    found = looked(plant, source)
    plant.embedder.calls.clear()
    plant.ingest(source)
    after = {row.pk: row for row in plant.documents(source).values() if row.key != "all.zip"}
    gone = {pk for pk, row in before.items() if row.key != "all.zip"} - set(after)
    fates = Counter(removed=len(gone))
    for pk, row in after.items():
        old = before.get(pk)
        if row.missing_since is not None:
            fates["waiting"] += 1
        elif row.status == DocumentStatus.FAILED:
            fates["failed"] += 1
        elif old is None or not old.generation:
            fates["added"] += 1
        elif old.key != row.key:
            fates["moved"] += 1
        else:
            fates["changed" if row.generation > old.generation else "unchanged"] += 1
    assert +Counter(found.counts) == +fates, found.documents
    assert found.chunks == len(plant.chunks(source))
    assert found.new_chunks == len(plant.embedder.texts)
    return +fates


def test_every_fate_is_met(plant: Plant) -> None:
    """Else the histories above compare nothing with nothing."""
    start = {"a.md": A, "d.md": D, "e.md": E}
    source = plant.files(all_zip=make_zip({name: text.encode() for name, text in start.items()}))
    plant.ingest(source)
    state = {"b.md": B, "d.md": C, "bad.md": BAD, "new.md": D}
    plant.upload(source, all_zip=make_zip({name: text.encode() for name, text in state.items()}))
    met = agree(plant, source)
    assert met == {"moved": 1, "changed": 1, "failed": 1, "added": 1, "removed": 1}
