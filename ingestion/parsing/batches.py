"""Several documents of one source parsed at once.

A fork costs more than a small Markdown file, so plain ones share a child. Sharing is never more
than a short cut: whatever a shared child does not answer for well is parsed again alone, so the
reasons and the limits of each document are those of ``sandbox.parse``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ingestion.chunking import ChunkSize
from ingestion.parsing import sandbox
from ingestion.parsing.answers import read_answer
from ingestion.parsing.limits import Limits
from ingestion.parsing.orders import Ask
from minirag.errors import UnreadableSource
from minirag.formats import PLAIN, kind_of_suffix
from minirag.types import ParsedDocument, RawDocument

# What shares a child: so many documents, of so many bytes each, and together.
_MOST = 32
_SMALL = 256 * 1024
_TOGETHER = 2 * 1024 * 1024
_ALONE = b'{"alone": true}'

Parsed = ParsedDocument | UnreadableSource


def parse_many(raws: Sequence[RawDocument], cut: ChunkSize | None = None) -> list[Parsed]:
    """What became of each of ``raws``, in order. Blocks; raises ``Unavailable`` as ``parse``.

    With ``cut`` those that are not long come with their cuts: reading goes on beside the process
    that asks, and cutting there does too.
    """
    limits = Limits.from_settings()
    found: dict[int, Parsed] = {}
    for places in _shared(raws):
        found.update(_together([raws[at] for at in places], places, limits, cut))
    return [found[at] if at in found else _alone(raw, limits, cut) for at, raw in enumerate(raws)]


def _alone(raw: RawDocument, limits: Limits, cut: ChunkSize | None) -> Parsed:
    try:
        return sandbox.parse(raw, limits, cut)
    except UnreadableSource as error:
        return error


def _shared(raws: Sequence[RawDocument]) -> Iterator[list[int]]:
    """Places of documents that share a child."""
    places: list[int] = []
    size = 0
    for at, raw in enumerate(raws):
        if not _is_plain(raw):
            continue
        if places and (len(places) >= _MOST or size + len(raw.content) > _TOGETHER):
            yield places
            places, size = [], 0
        places.append(at)
        size += len(raw.content)
    if len(places) > 1:
        yield places


def _is_plain(raw: RawDocument) -> bool:
    """By its name; the child looks at the content."""
    suffix = PurePosixPath(raw.key[-100:]).suffix.lower()
    return not raw.url and kind_of_suffix(suffix) in PLAIN and len(raw.content) <= _SMALL


def _together(
    raws: Sequence[RawDocument], places: Sequence[int], limits: Limits, cut: ChunkSize | None
) -> dict[int, Parsed]:
    """Those that could be read, by their places."""
    try:
        lines = sandbox.answers(raws, limits, Ask(cut=cut)).splitlines()
    except UnreadableSource:  # one of them costs too much: which one shows when each is alone
        return {}
    if len(lines) != len(raws):
        return {}
    found: dict[int, Parsed] = {}
    for at, line in zip(places, lines, strict=True):
        if line == _ALONE:
            continue
        try:
            found[at] = read_answer(line, limits.content, cut)
        except UnreadableSource as error:
            found[at] = error
    return found
