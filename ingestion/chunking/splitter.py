"""``chunk_text``: sections first, then each section cut at its strongest boundaries.

Tokens of the whole text are mapped once; each chunk is counted again by itself, because a slice's
tokens differ from the whole's at its edges. No chunk counts more than its size.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ingestion.chunking.boundaries import (
    first_start,
    last_break,
    line_end,
    near_cut,
    row_start,
    topic_break,
)
from ingestion.chunking.sections import Section, find_sections
from minirag.tokens import TokenMap, count_tokens, token_map
from minirag.types import Cut, PageSpan, ParsedDocument, TextChunk

# A chunk is not ended at a block's end before so great a part of its size.
_LEAST = 4
# So great a part of a chunk's size is compared before and behind a cut.
_WINDOW = 3
# A block's end is looked for this many chunks ahead: further off it would not move the cut, and
# looking through all the rest at every chunk takes time by the square of the length.
_FAR = 8


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """Tokens of a chunk at most, and tokens that it shares with its predecessor at most."""

    size: int = 512
    overlap: int = 64

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 8192:
            raise ValueError("A chunk has 16 to 8192 tokens.")
        if not 0 <= self.overlap <= self.size // 2:
            raise ValueError("The overlap is at most half of the chunk.")


@dataclass(frozen=True, slots=True)
class _Splitter:
    text: str
    tokens: TokenMap
    limits: ChunkSize
    count: Callable[[str], int]

    def spans(self, section: Section) -> Iterator[tuple[int, int, int]]:
        """(start, end, tokens) of the section's chunks, in order."""
        start, end = self._trim(section.start, section.end)
        done = start
        while done < end:
            fit = self._fit(start, done, end)
            if fit is None:  # nothing new fits behind the overlap
                start = done
                continue
            stop, counted = fit
            yield start, self._trim(start, stop)[1], counted
            done = self._trim(stop, end)[0]
            start = self._overlap_start(start, stop) if done < end else done
            start = self._trim(start, end)[0]

    def _fit(self, start: int, done: int, end: int) -> tuple[int, int] | None:
        """Where the chunk at ``start`` ends, and its tokens; None where it cannot pass ``done``."""
        limit = self.limits.size
        while limit >= 1:
            reach = min(self.tokens.reach(start, limit), end)
            if reach <= done:
                break
            stop = self._cut(start, done, reach, end) if reach < end else end
            counted = self._counted(start, stop)
            if counted <= self.limits.size and self.text[done:stop].strip():
                return stop, counted
            limit = min(limit - 1, limit * self.limits.size // max(counted, 1))
        return None if start < done else self._by_characters(start, end)

    def _cut(self, start: int, done: int, reach: int, end: int) -> int:
        """Where to end a chunk that cannot take all the rest.

        At the end of a block if it can be; a block that is longer than a chunk is cut by itself, in
        parts of about equal length.
        """
        text, size = self.text, self.limits.size
        least = max(self.tokens.reach(start, size // _LEAST), done) + 1
        if least >= reach:
            return reach
        if self._goes_on(done):
            found = line_end(text, done, reach)
        else:
            half = max(self.tokens.reach(start, size // 2), least)
            found = topic_break(text, half, reach, self._cohesion)
            found = last_break(text, least, half) if found < 0 else found
        if found < 0:
            found = row_start(text, max(start, done), reach)
        return found if found >= 0 else self._within(start, least, reach, end)

    def _cohesion(self, at: int) -> float:
        """Share of the topical words on the poorer side of ``at`` that stand on the other one too.

        Method: lexical cohesion (Hearst, "TextTiling", 1997), on tokens instead of stems.
        """
        before, behind = self.tokens.topical(at, self.limits.size // _WINDOW)
        return len(before & behind) / max(1, min(len(before), len(behind)))

    def _within(self, start: int, least: int, reach: int, end: int) -> int:
        """A cut in running text, such that what is left of it is no crumb."""
        far = min(end, self.tokens.reach(reach, _FAR * self.limits.size))
        block = line_end(self.text, reach, far)
        rest = self.tokens.count(start, block if block >= 0 else far)
        parts = max(2, -(-rest // self.limits.size))
        target = self.tokens.reach(start, -(-rest // parts))
        return near_cut(self.text, least, min(max(target, least), reach), reach)

    def _goes_on(self, at: int) -> bool:
        """Whether what stands at ``at`` is of the same block as what stands before it."""
        before = at
        while before > 0 and self.text[before - 1].isspace():
            before -= 1
        return before > 0 and "\n" not in self.text[before:at]

    def _by_characters(self, start: int, end: int) -> tuple[int, int]:
        """For what no boundary helps: a cluster of more tokens than a chunk may have."""
        stop = min(end, start + self.limits.size)
        while stop - start > 1 and self._counted(start, stop) > self.limits.size:
            stop = start + (stop - start) // 2
        return stop, self._counted(start, stop)

    def _counted(self, start: int, stop: int) -> int:
        start, stop = self._trim(start, stop)
        if self.count is count_tokens:
            return self.tokens.count_alone(start, stop)
        return self.count(self.text[start:stop])

    def _overlap_start(self, start: int, stop: int) -> int:
        """Where the next chunk begins so that it shares at most ``overlap`` tokens."""
        if not self.limits.overlap:
            return stop
        ends = self.tokens.ends
        first = int(np.searchsorted(ends, stop, side="right")) - self.limits.overlap
        low = max(int(ends[first - 1]) if first > 0 else 0, start + 1)
        return first_start(self.text, low, stop) if low < stop else stop

    def _trim(self, start: int, end: int) -> tuple[int, int]:
        text = self.text
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        return start, end


def chunk_text(
    document: ParsedDocument | str,
    *,
    size: int = 512,
    overlap: int = 64,
    count: Callable[[str], int] = count_tokens,
) -> list[TextChunk]:
    """Chunks of at most ``size`` tokens (as ``count`` counts them), at most ``overlap`` shared.

    Every character but white space is in a chunk; ``text[start:end] == chunk.text`` in code points.
    Chunks stay inside their section, overlaps too. Raises ``ValueError`` on impossible sizes.
    """
    document = ParsedDocument(document) if isinstance(document, str) else document
    return chunks_at(document, cuts(document, ChunkSize(size, overlap), count))


def cuts(
    document: ParsedDocument, limits: ChunkSize, count: Callable[[str], int] = count_tokens
) -> Iterator[Cut]:
    """Where ``chunk_text`` cuts ``document``, in order."""
    tokens = token_map(document.text)
    splitter = _Splitter(document.text, tokens, limits, count)
    for section in find_sections(len(document.text), document.headings, tokens, limits.size):
        for start, end, counted in splitter.spans(section):
            yield Cut(start, end, counted, section.path)


def chunks_at(document: ParsedDocument, places: Iterable[Cut]) -> list[TextChunk]:
    """The chunks of ``document`` that stand at ``places``."""
    page_of = _Pages(document.pages)
    return [
        TextChunk(
            start=cut.start,
            end=cut.end,
            ordinal=ordinal,
            text=document.text[cut.start : cut.end],
            token_count=cut.token_count,
            heading_path=cut.heading_path,
            page=page_of.at(cut.start),
            page_breaks=page_of.breaks(cut.start, cut.end),
        )
        for ordinal, cut in enumerate(places)
    ]


def embedding_text(heading_path: Sequence[str], text: str) -> str:
    """What is embedded for a chunk: where it stands, then its words."""
    return f"{' > '.join(heading_path)}\n{text}" if heading_path else text


def embedding_hash(embedded: str) -> str:
    """The name of an embedded text: hex SHA-256. Lone surrogates are no error."""
    return hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).hexdigest()


class _Pages:
    """Which page a place is on."""

    def __init__(self, pages: Sequence[PageSpan]) -> None:
        self._pages = sorted(pages, key=lambda page: page.start)
        self._starts = [page.start for page in self._pages]

    def at(self, place: int) -> int | None:
        index = bisect_right(self._starts, place) - 1
        return self._pages[index].number if index >= 0 else None

    def breaks(self, start: int, end: int) -> tuple[tuple[int, int], ...]:
        """The pages that begin behind ``start`` and before ``end``."""
        inside = slice(bisect_right(self._starts, start), bisect_left(self._starts, end))
        return tuple((page.start, page.number) for page in self._pages[inside])
