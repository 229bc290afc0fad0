"""Hostile files (family BOM): each ends parsed or refused in time, and harms nothing beside itself.

The files of others are read from ``shared/data`` beside the checkout where it is there; the set
made by code is read in any case.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from ingestion.parsing.limits import Limits
from ingestion.parsing.sandbox import Sandbox
from minirag.types import ParsedDocument, RawDocument
from tests.parsing.bombs import LONG, QUICK, Bomb, reaching_out
from tests.parsing.outcomes import MEMORY, SECONDS, outcome

MALFORMED = Path(__file__).resolve().parents[3] / "shared" / "data" / "malformed"
WRONG = {"pdf": "docx", "docx": "xlsx", "html": "md", "json": "csv"}


def both_names(bomb: Bomb) -> list[RawDocument]:
    suffix, make = bomb
    data = make()
    return [RawDocument(f"a.{name}", data, "") for name in (suffix, WRONG.get(suffix, "pdf"))]


def test_the_limits_are_what_is_promised() -> None:
    assert (Limits().wall_seconds, Limits().memory_bytes) == (SECONDS, MEMORY)
    assert Limits().cpu_seconds <= SECONDS


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_bomb_under_its_name_and_under_another(name: str, sandbox: Sandbox) -> None:
    for raw in both_names(QUICK[name]):
        assert outcome(sandbox, raw)


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_a_heavy_bomb_under_its_name_and_under_another(name: str, sandbox: Sandbox) -> None:
    for raw in both_names(LONG[name]):
        assert outcome(sandbox, raw)


REASONS = {
    "docx-lying": "damaged",
    "docx-laughs": "DTD",
    "docx-quadratic": "DTD",
    "xlsx-far": "more than",
    "xlsx-far-by-rows": "more than",
    "epub-spine": "more than 5,000 chapters",
    "pptx-groups": "nested too deeply",
    "eml-multipart": "nested too deeply",
    "eml-encoded": "more headers",
    "json-deep": "nested too deeply",
    "pdf-locked": "needs a password",
    "ole-locked": "needs a password",
    "csv-columns": "columns",
}


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_is_named(name: str, sandbox: Sandbox) -> None:
    suffix, make = QUICK[name]
    found = outcome(sandbox, RawDocument(f"a.{suffix}", make(), ""))
    assert isinstance(found, str) and REASONS[name] in found


def test_nothing_is_fetched_and_no_file_is_read(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sentinel:
        sentinel.settimeout(0)
        for suffix, make in reaching_out(sentinel.getsockname()[1]).values():
            found = outcome(sandbox, RawDocument(f"a.{suffix}", make(), ""))
            text = found.text if isinstance(found, ParsedDocument) else found
            assert "root:" not in text
        with pytest.raises(BlockingIOError):
            sentinel.accept()


def malformed() -> list[dict[str, str]]:
    listed = MALFORMED / "manifest.json"
    return json.loads(listed.read_text()) if listed.exists() else []


def read_malformed(sandbox: Sandbox, entries: list[dict[str, str]]) -> None:
    for entry in entries:
        path = MALFORMED / entry["file"]
        data = path.read_bytes()
        for key in (path.name, path.name + ".txt", path.name.replace(path.suffix, ".html")):
            assert outcome(sandbox, RawDocument(key, data, "")), path
        if password := entry.get("password"):
            locked = RawDocument(path.name, data, "", password=password)
            found = outcome(sandbox, locked)
            assert isinstance(found, ParsedDocument) or "assword" in found, path


def test_a_share_of_the_malformed_files_of_others(sandbox: Sandbox) -> None:
    read_malformed(sandbox, malformed()[::6])


@pytest.mark.long
def test_all_malformed_files_of_others(sandbox: Sandbox) -> None:
    read_malformed(sandbox, malformed())
