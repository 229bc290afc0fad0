"""A large text is read in pieces: a child's memory is a few times its size, whatever it holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsing import decode as decode_module
from ingestion.parsing.decode import decode, decode_pieces
from ingestion.parsing.limits import Limits
from ingestion.parsing.markdown import parse_markdown
from ingestion.parsing.sandbox import Sandbox
from ingestion.parsing.text import split_lines, unix_lines
from minirag.types import RawDocument

LATIN = (
    "The pump of line 7 is greased every two hours, and its valve is set to 3 bar. " * 8 + "\n\n"
)
CYRILLIC = "Насос смазывают каждые два часа, и клапан стоит на трёх барах. " * 8 + "\n\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def of_size(words: str, megabytes: int, start: str = "") -> bytes:
    found = words.encode()
    return start.encode() + found * (megabytes * 1_000_000 // len(found))


@pytest.mark.parametrize(
    "name", ["a.md", *(pytest.param(name, marks=pytest.mark.long) for name in ("a.txt", "a.log"))]
)
@pytest.mark.parametrize(
    ("words", "start", "memory_mb"),
    [(LATIN, "", 128), (LATIN, "ä", 128), (CYRILLIC, "", 128), (LATIN, "\U0001f600", 168)],
    ids=["ascii", "latin-1", "cyrillic", "emoji"],
)
def test_twelve_megabytes_leave_a_child_small(
    words: str, start: str, memory_mb: int, name: str, sandbox: Sandbox
) -> None:
    limits = Limits(memory_bytes=memory_mb << 20)
    parsed = sandbox.parse(RawDocument(name, of_size(words, 12, start), ""), limits)
    assert parsed.text.count(words.strip()) == 12_000_000 // len(words.encode())


@pytest.mark.long
@pytest.mark.parametrize(
    "data",
    [
        of_size(LATIN, 50), of_size(CYRILLIC, 50), of_size(LATIN, 50, "\U0001f600"),
        of_size(LATIN, 50).replace(b"\n", b" "), b"\xe4" + of_size(LATIN, 50), b"a  " * 16_000_000,
    ],
    ids=["ascii", "cyrillic", "emoji", "one-line", "cp1252", "double-spaces"],
)  # fmt: skip
def test_fifty_megabytes_are_read_at_the_defaults(data: bytes, sandbox: Sandbox) -> None:
    for name in ("a.txt", "a.md"):
        assert len(sandbox.parse(RawDocument(name, data, ""), Limits()).text) > 25_000_000


@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
        st.text(max_size=30).map(lambda text: text.encode("utf-16", "replace")),
        st.text(alphabet="äöü ßabc", min_size=1, max_size=60).map(lambda t: t.encode("cp1252")),
    ),
    st.integers(1, 9),
)
def test_decoding_in_pieces_is_decoding_at_once(data: bytes, piece: int) -> None:
    with mock.patch.object(decode_module, "_PIECE", piece):
        assert "".join(decode_pieces(data)) == decode(data)


def test_a_late_odd_byte_is_found_at_once() -> None:
    odd = CYRILLIC.encode("cp1251")
    assert decode_module._guess(odd) == "cp1251"  # its tables are made at the first call
    begun = time.process_time()
    assert decode_module._guess(b"some words " * 6_000_000 + odd) == "cp1251"
    assert time.process_time() - begun < 1.0  # byte by byte it took more than two


@given(st.lists(st.text(alphabet="a\r\n\u2028", max_size=4), max_size=12))
def test_lines_of_pieces_are_the_lines_of_the_whole(pieces: list[str]) -> None:
    whole = "".join(pieces).replace("\r\n", "\n").replace("\r", "\n")
    assert list(split_lines(unix_lines(pieces))) == whole.split("\n")


def test_markdown_in_pieces_keeps_its_front_matter_and_its_headings() -> None:
    text = "---\r\ntitle: Pumps\r\n---\r\nFirst\r\n=====\r\n\r\nwords\r\n\r\n## Second\r\n"
    whole = parse_markdown([text])
    assert whole == parse_markdown(text)  # letter by letter
    assert whole.title == "Pumps" and [found[3] for found in whole.headings] == ["First", "Second"]
