"""A document's own structure: stretches of text that stand under one heading path.

A section by itself is the best passage, so neighbours are joined only where one of them is tiny: a
heading without text, a one-line answer. It then goes over to the neighbour behind the lesser
heading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from minirag.tokens import TokenMap
from minirag.types import Heading

# A section of fewer tokens than this share of the chunk size is tiny. Across a heading of the
# highest level only half of that is.
_TINY = 4
_WEAKEST = 1_000


@dataclass(frozen=True, slots=True)
class Section:
    """``text[start:end]``, opened by a heading of ``level``; ``path`` holds for all of it."""

    start: int
    end: int
    path: tuple[str, ...]
    level: int
    tokens: int


@dataclass(frozen=True, slots=True)
class _Joiner:
    size: int
    top: int

    def tiny(self, section: Section, boundary: int) -> bool:
        share = _TINY * 2 if boundary <= self.top else _TINY
        return section.tokens < self.size // share

    def joins(self, last: Section, section: Section, following: int) -> bool:
        """Whether ``section`` continues ``last``; ``following`` is the level behind it."""
        if last.tokens + section.tokens > self.size:
            return False
        if self.tiny(last, section.level):
            return True
        return self.tiny(section, section.level) and following < section.level


def find_sections(
    length: int, headings: Sequence[Heading], tokens: TokenMap, size: int
) -> list[Section]:
    """Sections that cover ``[0, length)`` in order, tiny ones joined up to ``size`` tokens."""
    inside = sorted(
        (h for h in headings if 0 <= h.start < h.end <= length), key=lambda h: (h.start, h.level)
    )
    flat = _flat(length, inside, tokens)
    joiner = _Joiner(size, _top_level(inside))
    joined: list[Section] = []
    for index, section in enumerate(flat):
        following = flat[index + 1].level if index + 1 < len(flat) else 0
        if joined and joiner.joins(joined[-1], section, following):
            joined[-1] = _union(joined[-1], section)
        else:
            joined.append(section)
    return joined


def _top_level(headings: Sequence[Heading]) -> int:
    """The highest level that divides the document: a single heading is its title."""
    used = Counter(heading.level for heading in headings)
    return min((level for level, times in used.items() if times > 1), default=0)


def _flat(length: int, headings: Sequence[Heading], tokens: TokenMap) -> list[Section]:
    """What stands before the first heading, then one section per heading."""
    found: list[Section] = []
    path: list[tuple[int, str]] = []
    names: tuple[str, ...] = ()
    start, opened = 0, _WEAKEST

    def close(end: int) -> None:
        if end > start:
            found.append(Section(start, end, names, opened, tokens.count(start, end)))

    for heading in headings:
        close(heading.start)
        # Two headings at one place (a bookmark and its line) open one section.
        opened = min(opened, heading.level) if heading.start == start and found else heading.level
        path = [step for step in path if step[0] < heading.level]
        path.append((heading.level, heading.title))
        start, names = heading.start, tuple(title for _, title in path)
    close(length)
    return found


def _union(left: Section, right: Section) -> Section:
    same = takewhile(lambda pair: pair[0] == pair[1], zip(left.path, right.path, strict=False))
    path = tuple(name for name, _ in same)
    return replace(left, end=right.end, path=path, tokens=left.tokens + right.tokens)
