"""What the parsers keep of documents of others stays above its floors, where those are there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.parsing_fidelity import FLOORS, measure
from tests.parsing.makers import make_docx, make_pdf

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "parsing"
BODY = "Everybody who works here has thirty days of paid leave a year, and may carry five over."


def small_sets(folder: Path, reference: str) -> Path:
    """The three sets with one file each."""
    for name in ("docling-dev/files", "html-articles-dev/html", "pdf-samples-dev"):
        (folder / name).mkdir(parents=True)
    docling, articles = folder / "docling-dev", folder / "html-articles-dev"
    (docling / "files/a.docx").write_bytes(make_docx())
    (docling / "a.md").write_text(reference)
    listed = [{"file": "files/a.docx", "reference": "a.md", "format": "docx"}]
    (docling / "manifest.json").write_text(json.dumps(listed))
    page = f"<html><body><p>{BODY}</p></body></html>".encode()
    (articles / "html/x.html.gz").write_bytes(gzip.compress(page))
    (articles / "ground-truth.json").write_text(json.dumps({"x": {"articleBody": BODY}}))
    (folder / "pdf-samples-dev/a.pdf").write_bytes(make_pdf([[("x", -1)]] * 2))
    facts = {"data": [{"path": "a.pdf", "pages": 2, "encrypted": False}]}
    (folder / "pdf-samples-dev/files.json").write_text(json.dumps(facts))
    return folder


def test_the_measure_sees_what_is_kept_and_what_is_lost(tmp_path: Path) -> None:
    good = {one.name: one for one in measure(small_sets(tmp_path / "good", "# Handbook\n\nGrade"))}
    assert {name: round(one.value, 3) for name, one in good.items()} == {
        "docx": 1.0, "articles": 1.0, "pdf samples": 1.0,
    }  # fmt: skip
    lost = measure(small_sets(tmp_path / "lost", "Handbook and three more"))
    docx = next(one for one in lost if one.name == "docx")
    assert docx.value == 0.25 and not docx.good


@pytest.mark.long
def test_no_floor_is_missed(tmp_path: Path) -> None:
    there = DATA.exists()
    figures = measure(DATA if there else small_sets(tmp_path, "# Handbook"))
    assert not there or {one.name for one in figures} == set(FLOORS)
    assert figures and not [one for one in figures if not one.good]
