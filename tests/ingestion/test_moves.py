"""A document that moved and was edited in one step keeps what did not change."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from ingestion.models import JobState
from ingestion.pipeline import moves
from ingestion.pipeline.moves import by_chunks
from minirag.errors import RetrievalUnavailable
from sources.models import Chunk, Document, Source
from tenants.scope import platform_scope
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant, run_due
from tests.ingestion.web import web_source
from tests.parsing.makers import make_zip

PARTS = tuple(f"# Part {n}\n\nThis is what part {n} says of its subject." for n in range(8))
ADDED = "# Added\n\nA paragraph that was not there before."


def archive(**entries: str) -> bytes:
    return make_zip(
        {name.replace("__", "/") + ".md": text.encode() for name, text in entries.items()}
    )


def names(plant: Plant, source: Source) -> dict[str, tuple[Any, ...]]:
    """By text: what must not change where the text does not."""
    return {c.text: (c.pk, c.qdrant_point_id, c.document_id) for c in plant.chunks(source)}


def test_a_file_that_moved_and_was_edited_keeps_its_chunks(plant: Plant) -> None:
    whole, other = "\n\n".join(PARTS), "# Else\n\nAnother document altogether."
    source = plant.files(docs_zip=archive(f4=whole, other=other))
    plant.ingest(source)
    before, row = names(plant, source), plant.documents(source)["f4.md"]
    with platform_scope("tests"):
        Chunk.objects.filter(document_id=row.pk, ordinal=2).update(enabled=False)
    plant.upload(source, docs_zip=archive(moved__f4=f"{ADDED}\n\n{whole}", other=other))
    plant.embedder.calls.clear()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    after = names(plant, source)
    assert {text: after.get(text) for text in before} == before
    assert len(after) == len(before) + 1 and len(plant.embedder.texts) == 1
    documents = plant.documents(source)
    assert set(documents) == {"docs.zip", "moved/f4.md", "other.md"}
    moved = documents["moved/f4.md"]
    assert moved.pk == row.pk and moved.text.startswith("# Added") and moved.generation == 2
    with platform_scope("tests"):
        assert Chunk.objects.filter(document_id=row.pk, enabled=False).count() == 1
        assert Document.objects.filter(source_id=source.pk).count() == 3
    plant.check(source)
    plant.embedder.calls.clear()
    assert plant.ingest(source).state == JobState.SUCCEEDED
    assert names(plant, source) == after and not plant.embedder.calls


@pytest.mark.parametrize("kind", ["sitemap", "crawl"])
def test_a_page_too(plant: Plant, site: Site, settings: Any, kind: str) -> None:
    settings.MINIRAG_CRAWL_DELAY_SECONDS = 0.0

    def show(path: str, text: str) -> None:
        site.pages.clear()
        front = f'<p>The start of the site</p><a href="{path}">one</a>'
        site.page("/", front.encode(), Content_Type="text/html")
        site.page(path, text.encode(), Content_Type="text/markdown")
        site.sitemap(["/", path])

    show("/old.md", "\n\n".join(PARTS))
    source = web_source(plant, kind, site.url("/sitemap.xml" if kind == "sitemap" else "/"))
    plant.ingest(source)
    before = names(plant, source)
    show("/new.md", "\n\n".join((*PARTS[:-1], ADDED)))
    assert plant.ingest(source).state == JobState.SUCCEEDED
    after = names(plant, source)
    kept = {
        text: name for text, name in before.items() if "part 7" not in text and "one" not in text
    }
    assert len(kept) >= 7 and kept.items() <= after.items()
    assert set(plant.documents(source)) == {site.url("/"), site.url("/new.md")}
    plant.check(source)


def test_an_attempt_that_breaks_off_between_goes_on(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old row has the new text, the new row stands still: the next attempt sees a move."""
    source = plant.files(docs_zip=archive(f4="\n\n".join(PARTS)))
    plant.ingest(source)
    before = names(plant, source)
    plant.upload(source, docs_zip=archive(moved="\n\n".join((*PARTS, ADDED))))
    real = moves._swap

    def breaks(*arguments: Any) -> bool:
        monkeypatch.setattr(moves, "_swap", real)
        raise RetrievalUnavailable

    monkeypatch.setattr(moves, "_swap", breaks)
    job = plant.ingest(source)
    time.sleep(0.1)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    after = names(plant, source)
    assert before.items() <= after.items() and len(after) == len(before) + 1
    assert set(plant.documents(source)) == {"docs.zip", "moved.md"}
    plant.check(source)


def test_most_of_the_larger_one_is_the_same() -> None:
    a, b = uuid4(), uuid4()
    parts = [(str(n), 0) for n in range(10)]
    assert by_chunks({a: parts[:4]}, {"x": parts[:3]}) == {"x": a}
    assert by_chunks({a: parts[:4]}, {"x": parts[:2]}) == {}, "a half is not most"
    assert by_chunks({a: parts[:3]}, {"x": parts}) == {}, "what is quoted did not move"
    # Each is given away once, to whom it is nearest.
    two = {"x": parts[:3], "y": parts[:4]}
    assert by_chunks({a: parts[:4]}, two) == {"y": a}
    assert by_chunks({a: parts[:4], b: parts[:3]}, two) == {"y": a, "x": b}
    # What everybody has tells nothing.
    many = {uuid4(): [("licence", 0)] for _ in range(20)}
    assert by_chunks(many, {"x": [("licence", 0)]}) == {}


def test_what_is_looked_through_is_bounded(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    source = plant.files(a_md="\n\n".join(PARTS), b_md="# B\n\nOther words.")
    plant.ingest(source)
    ids = [row.pk for _, row in sorted(plant.documents(source).items())]
    monkeypatch.setattr(moves, "_BATCH", 1)
    with platform_scope("tests"):
        assert {pk: len(found) for pk, found in moves.chunk_names(ids).items()} == {
            ids[0]: 8, ids[1]: 1
        }  # fmt: skip
        monkeypatch.setattr(moves, "_MOST_CHUNKS", 8)
        assert set(moves.chunk_names(ids)) == {ids[0]}
