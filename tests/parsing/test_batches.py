"""Documents that share a child: the same answers as alone, and no document spoils another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.chunking import ChunkSize, chunk_text, chunks_at
from ingestion.parsing import sandbox
from ingestion.parsing.batches import parse_many
from ingestion.parsing.limits import Limits
from minirag.errors import UnreadableSource
from minirag.types import ParsedDocument, RawDocument
from tests.parsing.makers import make_docx


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    sandbox.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents each child got."""
    children: list[int] = []
    ask = sandbox.Sandbox.answers

    def count(self: sandbox.Sandbox, raws: Any, *rest: Any) -> bytes:
        children.append(len(raws))
        return ask(self, raws, *rest)

    monkeypatch.setattr(sandbox.Sandbox, "answers", count)
    return children


def markdown(name: str, text: str) -> RawDocument:
    return RawDocument(name, text.encode(), "text/markdown")


def test_plain_documents_share_a_child(asked: list[int]) -> None:
    raws = [markdown(f"d{n}.md", f"# Title {n}\n\nText\u2028of {n} \r\n end") for n in range(40)]
    together = parse_many(raws)
    assert asked == [32, 8]
    assert together == [sandbox.parse(raw) for raw in raws]


@pytest.mark.parametrize("size", [ChunkSize(448, 0), ChunkSize(32, 8)])
def test_cuts_are_those_that_the_parent_would_make(size: ChunkSize) -> None:
    words = " ".join(f"The {n}th rule says what is allowed." for n in range(120))
    raws = [
        markdown("a.md", f"# One\n\nShort.\n\n## Two\n\n{words}"),
        markdown("b.md", "Grüße 👩‍👩‍👧 " * 300),
        RawDocument("c.docx", make_docx(), ""),
    ]
    for parsed in parse_many(raws, size):
        assert isinstance(parsed, ParsedDocument) and parsed.cuts is not None
        made = chunk_text(parsed, size=size.size, overlap=size.overlap)
        assert chunks_at(parsed, parsed.cuts) == made and made


def test_what_is_long_is_left_to_the_parent() -> None:
    raw = markdown("long.md", "All of it. " * 60_000)
    (parsed,) = parse_many([raw], ChunkSize(448, 0))
    assert isinstance(parsed, ParsedDocument) and parsed.cuts is None


def test_no_document_fails_of_being_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of no time is none: the child leaves it to the parent."""
    monkeypatch.setattr(Limits, "from_settings", lambda: Limits(cpu_seconds=1))
    slow = markdown("slow.txt", "A word, and " * 40_000)
    (parsed,) = parse_many([slow], ChunkSize(16, 8))
    assert isinstance(parsed, ParsedDocument)


def test_a_line_of_dots_costs_what_other_lines_cost() -> None:
    (parsed,) = parse_many([markdown("dots.txt", "." * 300_000)], ChunkSize(448, 0))
    assert isinstance(parsed, ParsedDocument) and parsed.cuts is not None


def test_other_kinds_are_parsed_alone(asked: list[int]) -> None:
    raws = [
        markdown("a.md", "# A\n\nText."),
        RawDocument("b.docx", make_docx(), ""),
        RawDocument("hidden.md", make_docx(), "text/markdown"),
        RawDocument("https://x.test/c.md", b"# C\n\nText.", "text/markdown", url="https://x.test/"),
        markdown("d.txt", "Text."),
    ]
    found = parse_many(raws)
    assert asked == [3, 1, 1, 1]
    assert isinstance(found[0], ParsedDocument) and found[0].title == "A"
    assert isinstance(found[2], ParsedDocument) and found[2].headings[0].title == "Handbook"


def test_each_keeps_its_own_reason() -> None:
    found = parse_many([markdown("a.md", "Good."), markdown("b.md", " \n"), markdown("c.md", "\0")])
    assert isinstance(found[0], ParsedDocument)
    assert [isinstance(item, UnreadableSource) for item in found] == [False, True, True]


def test_one_that_costs_too_much_fails_alone(
    monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    limits = Limits(output_bytes=5_000)
    monkeypatch.setattr(Limits, "from_settings", lambda: limits)
    raws = [
        markdown("a.md", "Small."),
        markdown("b.md", "word " * 2_000),
        markdown("c.md", "Tiny."),
    ]
    found = parse_many(raws)
    assert asked == [3, 1, 1, 1]
    assert isinstance(found[1], UnreadableSource) and "more text" in found[1].message
    assert [isinstance(item, ParsedDocument) for item in found] == [True, False, True]


def test_an_answer_for_too_few_counts_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = sandbox.answers

    def short(raws: Any, limits: Limits, _ask: Any) -> bytes:
        return ask(raws, limits).split(b"\n")[0] + b"\n"

    monkeypatch.setattr(sandbox, "answers", short)
    found = parse_many([markdown("a.md", "First."), markdown("b.md", "Second.")])
    assert [item.text for item in found if isinstance(item, ParsedDocument)] == [
        "First.",
        "Second.",
    ]
