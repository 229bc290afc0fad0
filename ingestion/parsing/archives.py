"""Zip archives of documents: what is in them, and the bytes of each. The parent's side.

Both calls run in the sandbox's child, are safe from any thread, block up to the wall limit, and
raise as ``sandbox.parse`` does. What the child says is hostile input.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ingestion.parsing import sandbox
from ingestion.parsing.answers import BROKEN
from ingestion.parsing.document import clean_title
from ingestion.parsing.limits import Limits
from ingestion.parsing.orders import MOST_INDEXES, Ask, Task
from ingestion.parsing.zip_names import Entry as ArchiveEntry
from ingestion.parsing.zip_names import clean_name, holds_document
from minirag.errors import UnreadableSource
from minirag.formats import kind_of_mime, mime_type_of
from minirag.types import RawDocument

__all__ = ["ArchiveEntry", "extract", "is_archive", "list_entries"]

Extracted = RawDocument | UnreadableSource

_MAX_WORDS = 1_000
# A line of JSON stands before each entry's bytes.
_HEADER = 4 * 1024


class _Broken(Exception):
    """The answer is not of the agreed form."""


def is_archive(raw: RawDocument) -> bool:
    """Whether ``raw`` is a zip file of files: by content, and not a DOCX or the like under .zip."""
    named = kind_of_mime(raw.mime_type or mime_type_of(raw.key)) == "zip"
    if not named or not raw.content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    return not holds_document(raw.content)


def list_entries(raw: RawDocument, limits: Limits | None = None) -> list[ArchiveEntry]:
    """The files of the archive ``raw``, each with a name fit to be a key, unique among them.

    ``size`` is as declared, and what ``extract`` hands over is never more. Folders, symbolic links
    and what systems leave behind (``__MACOSX``, ``.DS_Store``) are no files. Raises
    ``UnreadableSource``: no archive, damaged, or past a limit as a whole.
    """
    limits = limits or Limits.from_settings()
    answer = _ask(raw, limits, "list")
    try:
        found = json.loads(answer)
        if isinstance(found, dict) and set(found) == {"unreadable"}:
            raise UnreadableSource(_words(found["unreadable"]))
        return _entries(found, limits)
    except (_Broken, ValueError, RecursionError) as error:
        raise UnreadableSource(BROKEN) from error


def extract(
    raw: RawDocument, indexes: Sequence[int], limits: Limits | None = None
) -> list[Extracted]:
    """The files at ``indexes`` of the archive, in that order; a bad one is its own error.

    All of them are held in memory: ask for as many as ``ArchiveEntry.size`` makes wise. Where the
    whole call costs its child too much, its halves are tried, so that one entry fails alone.
    """
    limits = limits or Limits.from_settings()
    found: list[Extracted] = []
    for at in range(0, len(indexes), MOST_INDEXES):
        found += _extract(raw, tuple(indexes[at : at + MOST_INDEXES]), limits)
    return found


def _extract(raw: RawDocument, indexes: tuple[int, ...], limits: Limits) -> list[Extracted]:
    try:
        return _documents(_ask(raw, limits, "extract", indexes), raw, len(indexes), limits)
    except UnreadableSource as error:
        if len(indexes) < 2:
            return [error] * len(indexes)
    middle = len(indexes) // 2
    return _extract(raw, indexes[:middle], limits) + _extract(raw, indexes[middle:], limits)


def _ask(raw: RawDocument, limits: Limits, task: Task, indexes: tuple[int, ...] = ()) -> bytes:
    most = limits.zip.total_bytes if task == "extract" else 0
    room = most + _HEADER * (limits.zip.entries if task == "list" else len(indexes)) + _HEADER
    return sandbox.answers([raw], replace(limits, output_bytes=room), Ask(task, indexes))


def _entries(found: Any, limits: Limits) -> list[ArchiveEntry]:
    if not isinstance(found, dict) or set(found) != {"entries"}:
        raise _Broken
    rows = found["entries"]
    if not isinstance(rows, list) or not 0 < len(rows) <= limits.zip.entries:
        raise _Broken
    entries = [_entry(row, limits) for row in rows]
    if len({entry.name for entry in entries}) != len(entries):
        raise _Broken
    if any(first.index >= second.index for first, second in pairwise(entries)):
        raise _Broken
    return entries


def _entry(row: Any, limits: Limits) -> ArchiveEntry:
    if not isinstance(row, list) or len(row) != 3:
        raise _Broken
    name, index, size = row
    if type(index) is not int or type(size) is not int:
        raise _Broken
    if not 0 <= index < limits.zip.entries or not 0 <= size <= limits.zip.total_bytes:
        raise _Broken
    return ArchiveEntry(_name(name), index, size)


def _documents(answer: bytes, raw: RawDocument, count: int, limits: Limits) -> list[Extracted]:
    """For each entry a line of JSON, then as many bytes as it says."""
    found: list[Extracted] = []
    at = 0
    try:
        while at < len(answer):
            end = answer.index(b"\n", at, at + _HEADER)
            header = json.loads(answer[at:end])
            document, at = _document(header, answer, end + 1, raw, limits)
            found.append(document)
    except (_Broken, ValueError, RecursionError) as error:
        raise UnreadableSource(BROKEN) from error
    if len(found) != count:
        raise UnreadableSource(BROKEN)
    return found


def _document(
    header: Any, answer: bytes, at: int, raw: RawDocument, limits: Limits
) -> tuple[Extracted, int]:
    if not isinstance(header, dict):
        raise _Broken
    if set(header) == {"unreadable"}:
        return UnreadableSource(_words(header["unreadable"])), at
    if set(header) != {"name", "size"} or type(header["size"]) is not int:
        raise _Broken
    size = header["size"]
    if not 0 <= size <= limits.zip.entry_bytes or at + size > len(answer):
        raise _Broken
    name = _name(header["name"])
    content = answer[at : at + size]
    return RawDocument(name, content, mime_type_of(name), password=raw.password), at + size


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value or clean_name(value) != value:
        raise _Broken
    return value


def _words(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_WORDS:
        raise _Broken
    return clean_title(value)
