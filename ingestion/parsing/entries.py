"""Inside the child: which files an archive holds, and their bytes. Nothing is written anywhere.

Names become keys: relative, of visible characters, unique. A bad entry says why and harms no other.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingestion.parsing.document import ZipLimits
from ingestion.parsing.safe_zip import open_zip
from ingestion.parsing.zip_names import MAX_NAME, Entry, clean_name, holds_document
from minirag.errors import UnreadableSource

_JUNK_FOLDERS = frozenset({"__macosx"})
_JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_READ = 1 << 16
# Small files of one repeated sign are no bomb, whatever their ratio.
_RATIO_FROM = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER = 30
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def listed(data: bytes, limits: ZipLimits) -> list[Entry]:
    """The files of the archive in its own order, without folders, links and systems' leavings.

    Raises ``UnreadableSource``: no archive, damaged, too many entries or too much in all of them.
    """
    infos = open_zip(data, limits.entries).infolist()
    if sum(info.file_size for info in infos) > limits.total_bytes:
        raise UnreadableSource("The archive unfolds to more than may be read.")
    entries: list[Entry] = []
    taken: set[str] = set()
    for index, info in enumerate(infos):
        name = clean_name(_decoded(info))
        if _is_file(info) and not _is_junk(name):
            name = _unique(name or f"entry-{index}", taken)
            entries.append(Entry(name, index, info.file_size))
    if not entries:
        raise UnreadableSource("There is no file in the archive.")
    return entries


def contents(
    data: bytes, indexes: Sequence[int], limits: ZipLimits, password: str
) -> Iterator[tuple[Entry, bytes | UnreadableSource]]:
    """The bytes of the entries asked for, one after the other, or why there are none."""
    archive = open_zip(data, limits.entries)
    infos = archive.infolist()
    known = {entry.index: entry for entry in listed(data, limits)}
    overlapping = _overlapping(infos)
    for index in indexes:
        entry = known.get(index) or Entry(f"entry-{index}", index, 0)
        try:
            if index not in known:
                raise UnreadableSource("The archive has no such file.")
            if index in overlapping:
                raise UnreadableSource("The file overlaps another one in its archive.")
            found = _content(archive, infos[index], limits, password)
            if found.startswith(_ZIP_STARTS) and not holds_document(found):
                raise UnreadableSource("An archive inside an archive is not read.")
            yield entry, found
        except UnreadableSource as error:
            yield replace(entry, size=0), error


def _content(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: ZipLimits, password: str
) -> bytes:
    """Inflated, counted on the way. Raises ``UnreadableSource``."""
    if info.flag_bits & _ENCRYPTED and not password:
        raise UnreadableSource("The file needs a password.")
    if info.compress_type not in _METHODS:
        raise UnreadableSource("The file is packed in a way that is not read.")
    if info.file_size > limits.entry_bytes:
        raise UnreadableSource(f"The file is larger than {limits.entry_bytes:,} bytes.")
    most = max(_RATIO_FROM, info.compress_size * limits.ratio)
    found = bytearray()
    try:
        with archive.open(info, pwd=password.encode() or None) as stream:
            while piece := stream.read(_READ):
                found += piece
                if len(found) > min(most, limits.entry_bytes):
                    raise UnreadableSource("The file unfolds to more than may be read.")
    except RuntimeError as error:  # zipfile says so; no class of its own
        raise UnreadableSource("The password does not open the file.") from error
    except NotImplementedError as error:
        raise UnreadableSource("The file is locked in a way that is not read.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise UnreadableSource("The file is damaged in its archive.") from error
    except MemoryError as error:
        raise UnreadableSource("The file needs more memory than it may have.") from error
    return bytes(found)


def _unique(name: str, taken: set[str]) -> str:
    """``a.txt``, ``a (2).txt``, …: two entries of one name are two documents."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or "/" in suffix:
        stem, dot, suffix = name, "", ""
    found, number = name, 1
    while found in taken:
        number += 1
        end = f" ({number}){dot}{suffix}"
        found = stem[: MAX_NAME - len(end)] + end
    taken.add(found)
    return found


def _decoded(info: zipfile.ZipInfo) -> str:
    """Many archivers write UTF-8 without saying so; ``zipfile`` reads that as code page 437."""
    name = info.orig_filename
    if info.flag_bits & _UTF8_NAME:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _is_file(info: zipfile.ZipInfo) -> bool:
    mode = info.external_attr >> 16
    return not info.is_dir() and not stat.S_ISLNK(mode)


def _is_junk(name: str) -> bool:
    steps = name.lower().split("/")
    return (
        bool(_JUNK_FOLDERS & set(steps)) or steps[-1] in _JUNK_FILES or steps[-1].startswith("._")
    )


def _overlapping(infos: Sequence[zipfile.ZipInfo]) -> set[int]:
    """Entries that share bytes with another: the trick of bombs that do not look like one."""
    order = sorted(range(len(infos)), key=lambda index: infos[index].header_offset)
    found: set[int] = set()
    last, end = -1, 0
    for index in order:
        info = infos[index]
        if last >= 0 and info.header_offset < end:
            found |= {last, index}
        here = info.header_offset + _LOCAL_HEADER + info.compress_size
        if here > end:
            last, end = index, here
    return found
