"""Zip containers and the XML in them, read without believing what they say about their size."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from lxml import etree

from ingestion.parsing.document import ContentLimits
from ingestion.parsing.zip_names import DIRECTORY_ENTRY, directory_of
from minirag.errors import UnreadableSource

DAMAGED = "The document is damaged and cannot be read."
TOO_MUCH = "The document unfolds to more than may be read."
TOO_MANY = "The document holds too many parts."
TOO_DEEP = "The document is nested too deeply."
TOO_LONG = "The document holds a text that is too large to be read."
LOCKED = "The document needs a password."
_READ = 1 << 16
_BAD = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


def open_zip(data: bytes, most_entries: int) -> zipfile.ZipFile:
    """Raises ``UnreadableSource``: no zip, damaged, or of more than ``most_entries``."""
    if directory_of(data).count(DIRECTORY_ENTRY) > most_entries:
        raise UnreadableSource(TOO_MANY)
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except (*_BAD, struct.error) as error:
        raise UnreadableSource(DAMAGED) from error
    if len(archive.infolist()) > most_entries:
        raise UnreadableSource(TOO_MANY)
    return archive


class _Counted:
    """A file that stops when the archive has given its all."""

    def __init__(self, archive: SafeArchive, stream: IO[bytes]) -> None:
        self._archive = archive
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(_READ if size < 0 else min(size, _READ))
        self._archive.count(len(data))
        return data


class SafeArchive:
    """A zip file whose entries and inflated bytes are counted over all that is read of it."""

    def __init__(self, data: bytes, limits: ContentLimits) -> None:
        self._left = limits.inflated_bytes
        self._zip = open_zip(data, limits.entries)
        self._names = {info.filename.lower(): info for info in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def names(self) -> list[str]:
        """Names of all parts, in small letters."""
        return list(self._names)

    def stored_names(self) -> dict[str, str]:
        """The parts' names in small letters to those that the archive has."""
        return {name: info.filename for name, info in self._names.items()}

    def count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise UnreadableSource(TOO_MUCH)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The part's bytes, at most 64 KiB at a time. Raises ``UnreadableSource``."""
        try:
            with self._zip.open(self._info(name)) as stream:
                counted = _Counted(self, stream)
                while piece := counted.read():
                    yield piece
        except _BAD as error:
            raise UnreadableSource(DAMAGED) from error

    def start(self, name: str, most: int) -> bytes:
        """The part's first ``most`` bytes (up to 64 KiB). Raises ``UnreadableSource``."""
        return next(self.pieces(name), b"")[:most]

    def read(self, name: str) -> bytes:
        """All of the part. Raises ``UnreadableSource``."""
        return b"".join(self.pieces(name))

    def elements(self, name: str) -> Iterator[tuple[str, etree._Element]]:
        """``("start"|"end", element)`` of the part. Refuses a DTD; fetches and expands nothing."""
        info = self._info(name)
        try:
            with self._zip.open(info) as stream:
                yield from _events(_Counted(self, stream))
        except etree.XMLSyntaxError as error:
            raise UnreadableSource(_reason(error)) from error
        except _BAD as error:
            raise UnreadableSource(DAMAGED) from error

    def tree(self, name: str) -> etree._Element:
        """The part's whole tree. Raises ``UnreadableSource``, also for a DTD."""
        root = None
        for _, element in self.elements(name):
            root = element if root is None else root
        if root is None:
            raise UnreadableSource(DAMAGED)
        return root

    def tree_beside(self, name: str) -> etree._Element | None:
        """The tree of a part that the rest can be read without; None where it cannot be read.

        Raises ``UnreadableSource`` where it is too much.
        """
        try:
            return self.tree(name)
        except UnreadableSource as error:
            if error.message == TOO_MUCH:
                raise
            return None

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = self._names.get(name.lower())
        if info is None:
            raise UnreadableSource(DAMAGED)
        if info.flag_bits & 0x1:
            raise UnreadableSource(LOCKED)
        return info


def _reason(error: etree.XMLSyntaxError) -> str:
    """What is wrong with XML that is not read to its end: it need not be damaged."""
    if error.code != etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        return DAMAGED
    return TOO_DEEP if "depth" in (error.msg or "") else TOO_LONG


def _events(stream: _Counted) -> Iterator[tuple[str, etree._Element]]:
    events = etree.iterparse(
        stream,
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    first = True
    for event, element in events:
        if first and element.getroottree().docinfo.doctype:
            raise UnreadableSource("The document declares a DTD, which is refused.")
        first = False
        yield event, element
