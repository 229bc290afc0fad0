"""Zip archives of documents: what is listed, what comes out, and what a bad entry may not do."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.parsing import sandbox
from ingestion.parsing.archives import extract, is_archive, list_entries
from ingestion.parsing.document import ZipLimits
from ingestion.parsing.limits import Limits
from ingestion.parsing.zip_names import clean_name
from minirag.errors import UnreadableSource
from minirag.types import RawDocument
from tests.parsing.makers import make_docx, make_zip

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits()


@pytest.fixture(autouse=True, scope="module")
def _ended() -> Iterator[None]:
    yield
    sandbox.close()


def archive(data: bytes, key: str = "a.zip", password: str = "") -> RawDocument:
    return RawDocument(key, data, "application/zip", password=password)


def taken(raw: RawDocument, limits: Limits = LIMITS) -> dict[str, bytes | str]:
    """Name to content, or to the words of why there is none."""
    entries = list_entries(raw, limits)
    found = extract(raw, [entry.index for entry in entries], limits)
    return {
        entry.name: one.message if isinstance(one, UnreadableSource) else one.content
        for entry, one in zip(entries, found, strict=True)
    }


def test_files_come_out_with_name_type_and_bytes() -> None:
    raw = archive(make_zip({"a/": b"", "a/b.md": b"# B", "c.docx": make_docx()}), password="x")
    entries = list_entries(raw, LIMITS)
    assert [(entry.name, entry.index) for entry in entries] == [("a/b.md", 1), ("c.docx", 2)]
    found = extract(raw, [2, 1], LIMITS)
    assert [one.key for one in found if isinstance(one, RawDocument)] == ["c.docx", "a/b.md"]
    last = found[1]
    assert isinstance(last, RawDocument)
    assert (last.content, last.mime_type, last.password) == (b"# B", "text/markdown", "x")
    assert "password" not in repr(last)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../up.txt", "up.txt"),
        ("a/../../b.txt", "a/b.txt"),
        ("C:\\Users\\me\\n.txt", "Users/me/n.txt"),
        ("a\0.txt", "a.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("  x  y .txt", "x y .txt"),
        ("./././a.txt", "a.txt"),
        ("cafe\u0301.txt", "café.txt"),
        ("..", ""),
        ("\r\n", ""),
    ],
)
def test_names_become_harmless_keys(name: str, key: str) -> None:
    assert clean_name(name) == key
    assert clean_name(clean_name(name)) == clean_name(name)


def test_long_names_keep_their_end() -> None:
    name = clean_name("folder/" * 60 + "file.pdf")
    assert len(name) <= 255 and name.endswith("/file.pdf")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_names_in_a_real_archive() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in ("/a.txt", "../a.txt", "a.txt", "a.txt", "__MACOSX/._a.txt", "x/.DS_Store"):
            made.writestr(name, name)
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
        made.writestr("..", "no name")
        made.writestr("grün.txt", "green")
    assert taken(archive(out.getvalue())) == {
        "a.txt": b"/a.txt",
        "a (2).txt": b"../a.txt",
        "a (3).txt": b"a.txt",
        "a (4).txt": b"a.txt",
        "entry-7": b"no name",
        "grün.txt": b"green",
    }


def test_a_name_in_utf8_that_does_not_say_so() -> None:
    data = make_zip({"gr__n.txt": b"x"}).replace(b"gr__n", "grün".encode())
    assert list(taken(archive(data))) == ["grün.txt"]


def test_a_bad_entry_fails_alone() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("good.txt", "good")
        made.writestr("broken.txt", "XXXXXXXX")
        made.writestr("nested.zip", make_zip({"a.txt": b"x"}))
        made.writestr("packed.txt", "x" * 99, zipfile.ZIP_LZMA)
        made.writestr("bomb.txt", bytes(5_000_000), zipfile.ZIP_DEFLATED)
        made.writestr("after.txt", "after")
    data = out.getvalue().replace(b"XXXXXXXX", b"XXXXYXXX", 1)
    found = taken(archive(data))
    assert found["good.txt"] == b"good" and found["after.txt"] == b"after"
    assert "damaged" in str(found["broken.txt"])
    assert "inside" in str(found["nested.zip"])
    assert "packed" in str(found["packed.txt"])
    assert "unfolds" in str(found["bomb.txt"])


def test_a_size_that_is_a_lie_fails_alone() -> None:
    data = bytearray(make_zip({"a.txt": b"word " * 90_000, "b.txt": b"good"}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 7)
    found = taken(archive(bytes(data)))
    assert "damaged" in str(found["a.txt"]) and found["b.txt"] == b"good"


def test_entries_over_each_other_fail() -> None:
    data = bytearray(make_zip({"a.txt": b"word " * 500, "b.txt": b"good", "c.txt": b"more"}))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    struct.pack_into("<L", data, second + 42, 0)
    found = taken(archive(bytes(data)))
    assert "overlaps" in str(found["a.txt"]) and "overlaps" in str(found["b.txt"])
    assert found["c.txt"] == b"more"


def locked_archive(password: bytes = b"pass") -> bytes:
    plain = make_zip({"open.txt": b"open"})
    data = b"secret words"
    crc = zlib.crc32(data)
    body = encrypted(bytes(11) + bytes([crc >> 24]) + data, password)
    return with_stored(plain, b"locked.txt", body, len(data), crc)


def encrypted(data: bytes, password: bytes) -> bytes:
    """PKWARE's old stream cipher (APPNOTE 6.1), as the archives of Info-ZIP have it."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = keys[0] >> 8 ^ table[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = keys[2] >> 8 ^ table[(keys[2] ^ keys[1] >> 24) & 0xFF]

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in data:
        key = keys[2] | 2
        out.append(byte ^ (key * (key ^ 1) >> 8 & 0xFF))
        update(byte)
    return bytes(out)


def with_stored(archive: bytes, name: bytes, body: bytes, size: int, crc: int) -> bytes:
    """``archive`` with one more entry, stored and marked as encrypted."""
    end = archive.rindex(b"PK\x05\x06")
    start, length = struct.unpack_from("<L", archive, end + 16)[0], end
    facts = struct.pack("<HHHHHLLLHH", 20, 1, 0, 0, 33, crc, len(body), size, len(name), 0)
    local = b"PK\x03\x04" + facts + name + body
    central = b"PK\x01\x02\x14\x00" + facts + bytes(10) + struct.pack("<L", start) + name
    directory = archive[start:length] + central
    count = archive[start:length].count(b"PK\x01\x02") + 1
    closing = struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), start + len(local), 0)
    return archive[:start] + local + directory + b"PK\x05\x06" + closing


@pytest.mark.parametrize(
    ("password", "words"),
    [("", "needs a password"), ("wrong", "does not open"), ("pass", "secret words")],
)
def test_a_locked_entry_needs_its_password(password: str, words: str) -> None:
    found = taken(archive(locked_archive(), password=password))
    assert found["open.txt"] == b"open"
    locked = found["locked.txt"]
    assert words in (locked if isinstance(locked, str) else locked.decode())


def zips(**changes: int) -> Limits:
    return Limits(zip=ZipLimits(**changes))


@pytest.mark.parametrize(
    ("data", "limits", "words"),
    [
        (b"no zip", LIMITS, "damaged"),
        (make_zip({"a.txt": b"x"})[:-30], LIMITS, "damaged"),
        (make_zip({}), LIMITS, "no file"),
        (make_zip({str(n): b"" for n in range(21)}), zips(entries=20), "too many"),
        (make_zip({"a": b"x" * 600, "b": b"x" * 600}), zips(total_bytes=1_000), "unfolds"),
    ],
    ids=["no-zip", "cut-off", "empty", "entries", "bytes"],  # not by the data, which holds the time
)
def test_an_archive_that_is_refused_as_a_whole(data: bytes, limits: Limits, words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        list_entries(archive(data), limits)


def test_a_million_entries_are_counted_before_they_are_read() -> None:
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 0) + bytes(12) + b"a"
    directory = entry * 1_000_000
    end = struct.pack("<HHHHLLH", 0, 0, 65535, 65535, len(directory), 0, 0)
    with pytest.raises(UnreadableSource, match="too many"):
        list_entries(archive(directory + b"PK\x05\x06" + end), LIMITS)


def test_an_entry_over_the_size_of_an_upload_fails_alone() -> None:
    raw = archive(make_zip({"a.txt": b"x" * 2_000, "b.txt": b"ok"}))
    found = taken(raw, zips(entry_bytes=1_000))
    assert "larger than 1,000 bytes" in str(found["a.txt"]) and found["b.txt"] == b"ok"


def test_what_costs_the_child_too_much_fails_alone() -> None:
    noise = bytes(range(256)) * 4 * 1024 * 30  # 30 MiB
    raw = archive(make_zip({"a.bin": noise, "b.txt": b"small"}))
    limits = Limits(memory_bytes=40 << 20, zip=ZipLimits(entry_bytes=1 << 30, ratio=100_000))
    found = taken(raw, limits)
    assert found["b.txt"] == b"small" and "memory" in str(found["a.bin"])


def test_an_index_that_is_not_there_is_an_error_of_its_own() -> None:
    raw = archive(make_zip({"a.txt": b"x"}))
    found = extract(raw, [5, 0], LIMITS)
    assert isinstance(found[0], UnreadableSource) and isinstance(found[1], RawDocument)
    assert extract(raw, [], LIMITS) == []


def test_which_zip_files_are_archives() -> None:
    plain = make_zip({"a.txt": b"x", "b.docx": make_docx()})
    assert is_archive(archive(plain)) and is_archive(RawDocument("a.zip", plain, ""))
    assert not is_archive(archive(make_docx()))
    assert not is_archive(archive(make_zip({"mimetype": b"application/epub+zip"})))
    assert not is_archive(RawDocument("a.docx", plain, ""))
    assert not is_archive(archive(b"text"))


HOSTILE = [
    b"", b"{}", b"[]", b'{"entries": []}', b'{"entries": [["a", 0]]}', b"[" * 100_000,
    b'{"entries": [["../a", 0, 1]]}', b'{"entries": [["a", 0, 1], ["a", 1, 1]]}',
    b'{"entries": [["a", 1, 1], ["b", 0, 1]]}', b'{"entries": [["a", -1, 1]]}',
    b'{"entries": [["a", 0, true]]}', b'{"entries": [["a\\u0000", 0, 1]]}', b'{"unreadable": 1}',
    b'{"name": "a", "size": 9}\nx', b'{"name": "/a", "size": 1}\nx', b'{"name": "a"}\nx',
    b'{"name": "a", "size": -1}\n', b'{"name": "a", "size": 1}\nx{"name": "a", "size": 1}\nx',
]  # fmt: skip


@pytest.mark.parametrize("answer", HOSTILE, ids=range(len(HOSTILE)))
def test_a_child_that_was_taken_over_is_not_believed(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "answers", lambda *_: answer)
    with pytest.raises(UnreadableSource, match="broken answer"):
        list_entries(archive(b""), LIMITS)
    found = extract(archive(b""), [0], LIMITS)
    assert isinstance(found[0], UnreadableSource)


def test_the_parents_side_imports_no_parser() -> None:
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'minirag.settings';"
        "import ingestion.parsing.archives;"
        "print([m for m in ('lxml', 'pypdfium2', 'trafilatura') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
