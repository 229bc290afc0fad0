"""The marker filter: what a model streams, cleaned before the client sees it.

``[n]`` of a passage passes; one that points nowhere is taken out with the space before it; a group
``[1, 3]`` becomes ``[1][3]``. Nothing is renumbered. In fenced and inline code, brackets are code.
What comes out depends on the text alone, not on how it was cut into deltas.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# Longest group of markers, and longest inline code on a line, that the filter waits for.
_GROUP_LIMIT = 64
_INLINE_LIMIT = 400
_GROUP = re.compile(r"\[ *[0-9]{1,6}(?: *, *[0-9]{1,6})* *\]")
_GROUP_BEGUN = re.compile(r"\[(?: *[0-9]{1,6}(?: *, *[0-9]{1,6})* *,?)? *\Z")
_LAST_MARKER = re.compile(r" ?\[([0-9]{1,6})\]\Z")
_PLAIN = re.compile(r"[^\[`\n ]+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FENCE_BEGUN = re.compile(r" {0,3}(?:`*|~*)\Z")
# Not text: half a surrogate pair cannot be sent as UTF-8.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_FIRST_HALF = re.compile(r"[\ud800-\udbff]\Z")


@dataclass(frozen=True, slots=True)
class PlacedMarker:
    """A marker that passed, at ``answer[start:end]``."""

    marker: int
    start: int
    end: int


def whole_characters(text: str) -> str:
    """Surrogate pairs as the characters they stand for; a half that stands alone as U+FFFD."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class MarkerFilter:
    """Feed deltas, send what comes out; ``flush`` gives the rest at the end.

    ``markers`` are the numbers of passages there are. ``placed`` lists what passed, with its place
    in the text put out so far.
    """

    def __init__(self, markers: frozenset[int]) -> None:
        self._markers = markers
        self._half = ""
        self._rest = ""
        self._fence = ""
        self._line_start = True
        self._length = 0
        self.placed: list[PlacedMarker] = []

    def feed(self, delta: str) -> str:
        """Text that is decided now; may be empty."""
        text = self._half + delta.replace("\0", "")  # PostgreSQL cannot store NUL
        # A provider that counts in UTF-16 may cut an emoji in two: its other half is yet to come.
        self._half = text[-1] if _FIRST_HALF.search(text) else ""
        self._rest += whole_characters(text.removesuffix(self._half))
        return self._drain(final=False)

    def feed_quote(self, piece: str) -> str:
        """A whole piece of a quoting model: words of a document with their one marker behind.

        Numbers in brackets among the words are the document's, whatever they look like: no markers
        of this answer. Nor does a fence that a piece leaves open hide the marker of the next.
        """
        own = _LAST_MARKER.search(piece)
        if own is None or int(own[1]) not in self._markers:
            own = None
        inside = MarkerFilter(frozenset())
        given = inside.feed(piece[: own.start()] if own else piece) + inside.flush()
        if own:
            start = self._length + len(given) + own[0].index("[")
            given += own[0]
            self.placed.append(PlacedMarker(int(own[1]), start, self._length + len(given)))
        self._length += len(given)
        return given

    def flush(self) -> str:
        """What was held back, when nothing more comes."""
        self._rest += whole_characters(self._half)
        self._half = ""
        return self._drain(final=True)

    def _drain(self, *, final: bool) -> str:
        out: list[str] = []
        while self._rest:
            step = self._fenced(final) if self._fence else self._prose(final)
            if step is None:
                break
            taken, given = step
            self._line_start = self._rest[taken - 1] == "\n"
            self._rest = self._rest[taken:]
            self._length += len(given)
            out.append(given)
        return "".join(out)

    def _fenced(self, final: bool) -> tuple[int, str] | None:
        """A line of a code block, or a part of one: (characters taken, text given)."""
        rest = self._rest
        line_end = rest.find("\n") + 1
        if self._line_start:
            body = rest[: line_end or len(rest)].strip()
            could_close = body == self._fence[0] * len(body)
            if could_close and not line_end and not final:
                return None
            if could_close and len(body) >= len(self._fence):
                self._fence = ""
        taken = line_end or len(rest)
        return taken, rest[:taken]

    def _prose(self, final: bool) -> tuple[int, str] | None:
        rest = self._rest
        if self._line_start:
            opened = self._open_fence(final)
            if opened is not False:
                return opened
        first = rest[0]
        if first == "`":
            return self._inline_code(final)
        if first == "[" or (first == " " and rest[1:2] == "["):
            return self._group(final)
        if first == " " and len(rest) == 1 and not final:
            return None  # a marker that goes takes the space before it along
        plain = _PLAIN.match(rest)
        taken = plain.end() if plain else 1
        return taken, rest[:taken]

    def _open_fence(self, final: bool) -> tuple[int, str] | Literal[False] | None:
        """The opening line of a code block; False where this line is none."""
        window = self._rest[:_INLINE_LIMIT]
        undecided = len(window) < _INLINE_LIMIT and not final
        if undecided and _FENCE_BEGUN.match(window):
            return None
        opened = _FENCE.match(window)
        if not opened:
            return False
        line_end = window.find("\n", opened.end()) + 1
        if not line_end and undecided:
            return None
        line_end = line_end or len(window)
        if opened[1][0] == "`" and "`" in window[opened.end() : line_end]:
            return False  # code in a line of prose
        self._fence = opened[1]
        return line_end, window[:line_end]

    def _inline_code(self, final: bool) -> tuple[int, str] | None:
        """``code`` up to its closing run of backticks on this line; else the run is plain text."""
        rest = self._rest
        window = rest[:_INLINE_LIMIT]
        run = len(window) - len(window.lstrip("`"))
        line = window.split("\n", 1)[0]
        for closing in re.finditer("`+", line[run:]):
            complete = run + closing.end() < len(window) or len(rest) >= _INLINE_LIMIT or final
            if not complete:
                return None
            if len(closing[0]) == run:
                return run + closing.end(), rest[: run + closing.end()]
        if len(line) == len(window) and len(rest) < _INLINE_LIMIT and not final:
            return None
        return run, rest[:run]

    def _group(self, final: bool) -> tuple[int, str] | None:
        rest = self._rest
        space = rest.startswith(" ")
        body = rest[space : space + _GROUP_LIMIT]
        group = _GROUP.match(body)
        if not group:
            if not final and len(body) < _GROUP_LIMIT and _GROUP_BEGUN.match(body):
                return None
            return space + 1, rest[: space + 1]
        numbers = [int(number) for number in re.findall("[0-9]+", group[0])]
        taken = space + group.end()
        if 0 in numbers and len(numbers) > 1:
            return taken, rest[:taken]  # an interval such as [0, 1]
        known = [number for number in numbers if number in self._markers]
        given = " " if space and known else ""
        for number in known:
            start = self._length + len(given)
            given += f"[{number}]"
            self.placed.append(PlacedMarker(number, start, self._length + len(given)))
        return taken, given
