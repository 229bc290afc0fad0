"""What the parsers hand back, and the builder that keeps offsets exact while text is normalised."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from ingestion.parsing.text import normalize_text


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known about the bytes from outside. None of it is trusted alone."""

    key: str = ""
    mime_type: str = ""
    url: str | None = None
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """Caps on what one document may unfold to. Nothing of it is believed as declared.

    ``rows`` and ``columns`` are of all tables in a document of cells, ``depth`` is the nesting of
    data, mails and elements. Headings beyond theirs are left out, their text stays. Pixels need no
    cap: no image is ever decoded.
    """

    inflated_bytes: int = 256 * 1024 * 1024
    entries: int = 10_000
    pages: int = 5_000
    rows: int = 200_000
    columns: int = 1_000
    depth: int = 50
    headings: int = 20_000


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """Caps on an archive of documents. ``entry_bytes`` is of one file, ``ratio`` of one too."""

    entries: int = 2_000
    total_bytes: int = 1024 * 1024 * 1024
    entry_bytes: int = 100 * 1024 * 1024
    ratio: int = 250


@dataclass(frozen=True, slots=True)
class Built:
    """A parsed document in plain values: the child sends it as JSON.

    ``headings`` are (start, end, level, title), ``pages`` (start, end, number).
    """

    text: str
    title: str = ""
    headings: tuple[tuple[int, int, int, str], ...] = ()
    pages: tuple[tuple[int, int, int], ...] = ()
    metadata: dict[str, str | int | float | bool] = field(default_factory=dict)


class DocumentBuilder:
    """Collects lines and blocks; the whole is normalised because each piece and each joint is."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._gap = 0
        self._headings: list[tuple[int, int, int, str]] = []
        self._pages: list[tuple[int, int, int]] = []

    @property
    def length(self) -> int:
        return self._length

    @property
    def next_block(self) -> int:
        """Where a block would start that is added now."""
        return self._length + 2 if self._length else 0

    def line(self, text: str) -> tuple[int, int] | None:
        """Add ``text`` on a new line; an empty one becomes a blank line. Returns its span."""
        text = normalize_text(text)
        if not text:
            self.blank()
            return None
        gap = "\n" * (min(self._gap, 2) if self._length else 0)
        start = self._length + len(gap)
        self._parts += (gap, text)
        self._length = start + len(text)
        self._gap = 1
        return start, self._length

    def blank(self) -> None:
        self._gap = 2

    def block(self, text: str) -> tuple[int, int] | None:
        """Add ``text`` as a paragraph of its own."""
        self.blank()
        span = self.line(text)
        self.blank()
        return span

    def heading(self, text: str, level: int, title: str) -> None:
        """Add a heading's own line and remember it as ``title``."""
        span = self.line(text)
        title = clean_title(title)
        if span and title:
            self._headings.append((*span, level, title))

    def mark_heading(self, start: int, end: int, level: int, title: str) -> None:
        """Remember a heading whose text stands already."""
        if clean_title(title):
            self._headings.append((start, end, level, clean_title(title)))

    def include(self, built: Built, deeper: int = 0) -> tuple[int, int] | None:
        """Add another document's text as a block, its headings ``deeper`` levels down."""
        span = self.block(built.text)
        if span is not None:
            self._headings += [
                (span[0] + start, span[0] + end, min(9, level + deeper), title)
                for start, end, level, title in built.headings
            ]
        return span

    def mark_page(self, number: int, span: tuple[int, int]) -> None:
        self._pages.append((*span, number))

    def build(
        self, title: str = "", metadata: dict[str, str | int | float | bool] | None = None
    ) -> Built:
        """The document. ``title`` falls back to the first heading of the highest level used."""
        headings = sorted(self._headings, key=lambda heading: (heading[0], heading[2]))
        if not clean_title(title) and headings:
            title = min(headings, key=lambda heading: (heading[2], heading[0]))[3]
        return Built(
            text="".join(self._parts),
            title=clean_title(title),
            headings=tuple(headings),
            pages=tuple(self._pages),
            metadata=metadata or {},
        )


def with_fewer_headings(built: Built, most: int) -> Built:
    """The ``most`` headings of the highest levels, of the last of these levels the first ones."""
    if len(built.headings) <= most:
        return built
    left = dict(Counter(level for _, _, level, _ in built.headings))
    room = most
    for level in sorted(left):
        left[level] = min(left[level], room)
        room -= left[level]
    kept = []
    for heading in built.headings:
        if left[heading[2]]:
            left[heading[2]] -= 1
            kept.append(heading)
    metadata = {**built.metadata, "headings_left_out": len(built.headings) - len(kept)}
    return replace(built, headings=tuple(kept), metadata=metadata)


def clean_title(text: str) -> str:
    """One line of at most 300 characters."""
    return " ".join(normalize_text(text).split())[:300].rstrip()
