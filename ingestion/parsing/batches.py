"""Several documents of one source parsed at once.

A fork costs more than a small Markdown file, so plain ones share a child. Sharing is never more
than a short cut: whatever a shared child does not answer for well is parsed again alone, so the
reasons and the limits of each document are those of ``sandbox.parse``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from ingestion.chunking import ChunkSize
from ingestion.parsing import sandbox
from ingestion.parsing.answers import read_answer
from ingestion.parsing.limits import Limits
from ingestion.parsing.orders import Ask
from minirag.errors import Unavailable, UnreadableSource
from minirag.formats import PLAIN, kind_of_suffix
from minirag.types import ParsedDocument, RawDocument

# What shares a child: so many documents, of so many bytes each, and together.
_MOST = 32
_SMALL = 256 * 1024
_TOGETHER = 2 * 1024 * 1024
_ALONE = b'{"alone": true}'

Parsed = ParsedDocument | UnreadableSource


def parse_many(
    raws: Sequence[RawDocument],
    cut: ChunkSize | None = None,
    given_up: Callable[[], bool] = lambda: False,
) -> list[Parsed]:
    """What became of each of ``raws``, in order. Blocks; raises ``Unavailable`` as ``parse``.

    With ``cut`` those that are not long come with their cuts: reading goes on beside the process
    that asks, and cutting there does too. Once ``given_up`` says so no other child is begun, and
    what it raises then is for nobody.
    """
    limits = Limits.from_settings()
    found: dict[int, Parsed] = {}
    for places in _shared(raws):
        _go_on(given_up)
        found.update(_together([raws[at] for at in places], places, limits, cut))
    for at, raw in enumerate(raws):
        if at not in found:
            _go_on(given_up)
            found[at] = _alone(raw, limits, cut)
    return [found[at] for at in range(len(raws))]


def shares_child(key: str, size: int) -> bool:
    """Whether a file of this name and size is small and plain: quick to read, and no longer as text
    than it is. The child looks at the content.
    """
    suffix = PurePosixPath(key[-100:]).suffix.lower()
    return size <= _SMALL and kind_of_suffix(suffix) in PLAIN


def _go_on(given_up: Callable[[], bool]) -> None:
    if given_up():
        raise Unavailable("Nobody waits for these documents any more.")


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
        if raw.url or not shares_child(raw.key, len(raw.content)):
            continue
        if places and (len(places) >= _MOST or size + len(raw.content) > _TOGETHER):
            yield places
            places, size = [], 0
        places.append(at)
        size += len(raw.content)
    if len(places) > 1:
        yield places


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
