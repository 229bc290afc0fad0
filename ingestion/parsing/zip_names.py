"""Names in zip files, looked at as bytes only: imports no parser, so that the parent can use it."""

from __future__ import annotations

import re
import struct
import unicodedata
from dataclasses import dataclass

MAX_NAME = 255
DIRECTORY_ENTRY = b"PK\x01\x02"
_END = b"PK\x05\x06"
# The longest comment behind the directory, its own record, and those that zip64 adds.
_TAIL = (1 << 16) + 22 + 76
# A directory's entry whose name says that the zip file is a document of its own kind.
_DOCUMENT = re.compile(
    rb"PK\x01\x02.{24}(?:\x13\x00.{16}\[Content_Types\]\.xml|\x08\x00.{16}mimetype)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive. ``size`` is what it declares; reading stops where that is a lie."""

    name: str
    index: int
    size: int


def directory_of(data: bytes) -> bytes:
    """The central directory as its end record places it, or all of ``data`` where that is no help.

    It is looked at before ``zipfile`` makes an object of each entry: a million of them are a bomb.
    """
    at = data.rfind(_END, max(0, len(data) - _TAIL))
    if at < 0 or at + 22 > len(data):
        return data
    size = struct.unpack_from("<L", data, at + 12)[0]
    return data if size > at else data[max(0, at - size - 76) : at]


def holds_document(data: bytes) -> bool:
    """Whether the zip file is an Office, OpenDocument or EPUB file."""
    return _DOCUMENT.search(directory_of(data)) is not None


def clean_name(name: str) -> str:
    """A path inside an archive as a key: no root, no ``..``, no unseen characters, at most 255.

    ``"/../a\\\\b.txt"`` becomes ``"a/b.txt"``. Doing it twice changes nothing.
    """
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    name = "".join(" " if char.isspace() else char for char in name)
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    steps = (" ".join(step.split()) for step in name.split("/"))
    kept = [step for step in steps if step.strip(". ")]
    if kept and len(kept[0]) == 2 and kept[0][1] == ":":
        kept = kept[1:]
    return _shortened("/".join(kept))


def _shortened(name: str) -> str:
    """At most ``MAX_NAME`` characters: the end says what a file is."""
    if len(name) <= MAX_NAME:
        return name
    return clean_name(name[-MAX_NAME:])
