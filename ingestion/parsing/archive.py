"""Zip containers and the XML in them, read without believing what they say about their size."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from lxml import etree

from ingestion.parsing.document import ArchiveLimits
from minirag.errors import UnreadableSource

DAMAGED = "The document is damaged and cannot be read."
TOO_MUCH = "The document unfolds to more than may be read."


class _Counted:
    """A file that stops when the archive has given its all."""

    def __init__(self, archive: SafeArchive, stream: IO[bytes]) -> None:
        self._archive = archive
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        most = 1 << 16
        data = self._stream.read(most if size < 0 else min(size, most))
        self._archive.count(len(data))
        return data


class SafeArchive:
    """A zip file whose entries and inflated bytes are counted over all that is read of it."""

    def __init__(self, data: bytes, limits: ArchiveLimits) -> None:
        self._left = limits.inflated_bytes
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise UnreadableSource(DAMAGED) from error
        if len(self._zip.infolist()) > limits.entries:
            raise UnreadableSource("The document holds too many parts.")
        self._names = {info.filename.lower(): info for info in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise UnreadableSource(TOO_MUCH)

    def elements(self, name: str) -> Iterator[tuple[str, etree._Element]]:
        """``("start"|"end", element)`` of the part. Refuses a DTD; fetches and expands nothing."""
        info = self._names.get(name.lower())
        if info is None:
            raise UnreadableSource(DAMAGED)
        if info.flag_bits & 0x1:
            raise UnreadableSource("The document needs a password.")
        try:
            with self._zip.open(info) as stream:
                yield from _events(_Counted(self, stream))
        except (etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise UnreadableSource(DAMAGED) from error
        except (NotImplementedError, ValueError) as error:
            raise UnreadableSource(DAMAGED) from error


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
