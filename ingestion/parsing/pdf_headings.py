"""Headings of a PDF without bookmarks: lines in larger type than the text around them."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from ingestion.parsing.document import clean_title

# How much larger than most of the text a heading is set, and how long it may be.
_LARGER = 1.1
_LONGEST = 200
_LEVELS = 4
# A page on which every third line is large is a poster or a slide, not a text with headings.
_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page with the height of its type, in half points."""

    page: int
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """``level`` 0 is a title that stands once, above all levels."""

    page: int
    level: int
    title: str


def lines_of(text_page: pdfium.PdfTextPage, page: int) -> list[Line]:
    """The page's lines, two calls each: the nominal font size says nothing of its scaling."""
    found = []
    at = 0
    for text in text_page.get_text_range().split("\n"):
        stripped = text.strip()
        if stripped:
            index = at + text.index(stripped[0])
            found.append(Line(page, _height(text_page, index), stripped))
        at += len(text) + 1
    return found


def _height(text_page: pdfium.PdfTextPage, index: int) -> int:
    char = pdfium_raw.FPDFText_GetCharIndexFromTextIndex(text_page, index)
    box = pdfium_raw.FS_RECTF()
    if char < 0 or not pdfium_raw.FPDFText_GetLooseCharBox(text_page, char, ctypes.byref(box)):
        return 0
    height = 2 * (box.top - box.bottom)
    return round(height) if 0 < height < 10_000 else 0


def find_headings(lines: Sequence[Line]) -> list[Found]:
    """Lines larger than most of the text, by sizes that are used twice or more, the largest first.

    The largest line of the first page counts as the title, also where its size is used once.
    """
    weights: Counter[int] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    if not weights:
        return []
    body = weights.most_common(1)[0][0]
    large = _joined([line for line in lines if line.size >= body * _LARGER])
    large = [line for line in large if _is_title(line.text)]
    if not body or len(large) > _SHARE * len(lines):
        return []
    used = Counter(line.size for line in large)
    sizes = sorted((size for size, times in used.items() if times > 1), reverse=True)[:_LEVELS]
    found = [
        Found(line.page, sizes.index(line.size) + 1, line.text)
        for line in large
        if line.size in sizes
    ]
    first = max((line for line in large if line.page == 0), key=lambda one: one.size, default=None)
    if (
        first is not None
        and first.size not in sizes
        and (not sizes or first.size >= sizes[0] * _LARGER)
    ):
        found.insert(0, Found(0, 0, first.text))
    return found


def _joined(large: Sequence[Line]) -> list[Line]:
    """A title on two lines is one: lines of one size that follow each other and do not end."""
    joined: list[Line] = []
    for line in large:
        last = joined[-1] if joined else None
        if last and (last.page, last.size) == (line.page, line.size) and line.text[0].islower():
            joined[-1] = Line(last.page, last.size, f"{last.text} {line.text}")
        else:
            joined.append(line)
    return joined


def _is_title(text: str) -> bool:
    words = clean_title(text)
    letters = sum(char.isalpha() for char in words)
    return 2 <= len(words) <= _LONGEST and letters >= len(words) / 2 and words[-1] not in ".,;"
