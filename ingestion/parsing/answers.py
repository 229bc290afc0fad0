"""The child's answer is hostile input: a document may have taken the child over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ingestion.chunking import ChunkSize
from ingestion.parsing.document import ContentLimits, clean_title
from ingestion.parsing.orders import LONGEST_CUT
from ingestion.parsing.text import is_normal
from minirag.errors import UnreadableSource
from minirag.tokens import count_tokens
from minirag.types import Cut, Heading, JSONScalar, PageSpan, ParsedDocument

# What parsers tell of a document beside its text.
METADATA_KEYS = frozenset(
    {"page_count", "pages_without_text", "headings_left_out", "records_left_out"}
)

# The lowest level of a heading.
_DEEPEST = 9
# Code points that a token has at most; and where a chunk has more of them, its tokens are counted.
_LONGEST_TOKEN, _LONG_TOKEN = 128, 10
# Overlaps may make the chunks this many times as long as their text, together.
_MOST_COPIES = 4

BROKEN = "The document could not be read: its parser gave a broken answer."


class _Broken(Exception):
    """The answer is not of the agreed form."""


def read_answer(data: bytes, limits: ContentLimits, cut: ChunkSize | None = None) -> ParsedDocument:
    """The document of a child's answer, with its cuts if they were asked for and it gave them.

    Raises ``UnreadableSource``, also for a broken answer.
    """
    try:
        answer = json.loads(data)
        if isinstance(answer, dict) and set(answer) == {"unreadable"}:
            raise UnreadableSource(clean_title(_text(answer["unreadable"], 1000)))
        if not isinstance(answer, dict) or set(answer) != {"document"}:
            raise _Broken
        document = _document(answer["document"], limits)
        if cut is None or answer["document"].get("cuts") is None:
            return document
        if len(document.text) > LONGEST_CUT:
            raise _Broken
        return replace(document, cuts=_cuts(answer["document"]["cuts"], document, cut))
    except (_Broken, ValueError, RecursionError, UnicodeError) as error:
        raise UnreadableSource(BROKEN) from error


def _document(value: Any, limits: ContentLimits) -> ParsedDocument:
    if not isinstance(value, dict):
        raise _Broken
    text = _text(value.get("text"))
    # NUL, lone surrogates and the like would only fail later, in the database.
    if not text or not is_normal(text):
        raise _Broken
    title = _text(value.get("title"), 300)
    if clean_title(title) != title:
        raise _Broken
    return ParsedDocument(
        text=text,
        title=title,
        headings=tuple(_headings(value.get("headings"), len(text), limits.headings)),
        pages=tuple(_pages(value.get("pages"), len(text), limits.pages)),
        metadata=_metadata(value.get("metadata")),
    )


def _headings(value: Any, length: int, most: int) -> list[Heading]:
    headings = []
    last = 0
    for row in _rows(value, 4, most):
        start, end, level = _numbers(row[:3])
        title = _text(row[3], 300)
        if not last <= start <= end <= length or not 1 <= level <= _DEEPEST:
            raise _Broken
        if clean_title(title) != title:
            raise _Broken
        headings.append(Heading(start=start, end=end, level=level, title=title))
        last = start
    return headings


def _pages(value: Any, length: int, most: int) -> list[PageSpan]:
    pages = []
    last_end, last_number = 0, 0
    for row in _rows(value, 3, most):
        start, end, number = _numbers(row)
        if not last_end <= start <= end <= length or not last_number < number <= 10**6:
            raise _Broken
        pages.append(PageSpan(start=start, end=end, number=number))
        last_end, last_number = end, number
    return pages


def _cuts(value: Any, document: ParsedDocument, size: ChunkSize) -> tuple[Cut, ...] | None:
    """Cuts that leave nothing out: white space alone may stand between two of them.

    None where they hold the text too many times over: then they are made anew.
    """
    text = document.text
    copied = 0
    titles = {heading.title: heading.title for heading in document.headings}
    found = []
    last_start, last_end = -1, 0
    for row in _rows(value, 4, len(text)):
        start, end, tokens = _numbers(row[:3])
        if not last_start < start < end <= len(text) or end < last_end:
            raise _Broken
        if not 1 <= tokens <= size.size or not _holds(text[start:end], tokens):
            raise _Broken
        if text[last_end:start].strip() or last_end - start > size.overlap * _LONGEST_TOKEN:
            raise _Broken
        copied += end - start
        if copied > _MOST_COPIES * len(text):
            return None
        found.append(Cut(start, end, tokens, _path(row[3], titles)))
        last_start, last_end = start, end
    if text[last_end:].strip():
        raise _Broken
    return tuple(found)


def _holds(chunk: str, tokens: int) -> bool:
    """Whether ``chunk`` may have so few tokens."""
    if len(chunk) <= tokens * _LONG_TOKEN:
        return True
    return len(chunk) <= tokens * _LONGEST_TOKEN and count_tokens(chunk) == tokens


def _path(value: Any, titles: Mapping[str, str]) -> tuple[str, ...]:
    """Titles of the document's headings: many chunks share each of them."""
    if not isinstance(value, list) or len(value) > _DEEPEST:
        raise _Broken
    if any(not isinstance(title, str) or title not in titles for title in value):
        raise _Broken
    return tuple(titles[title] for title in value)


def _rows(value: Any, width: int, most: int) -> list[list[Any]]:
    if not isinstance(value, list) or len(value) > most:
        raise _Broken
    if any(not isinstance(row, list) or len(row) != width for row in value):
        raise _Broken
    return value


def _numbers(row: list[Any]) -> list[int]:
    if any(type(item) is not int for item in row):
        raise _Broken
    return row


def _text(value: Any, most: int | None = None) -> str:
    if not isinstance(value, str) or (most is not None and len(value) > most):
        raise _Broken
    return value


def _metadata(value: Any) -> dict[str, JSONScalar]:
    if not isinstance(value, dict) or not set(value) <= METADATA_KEYS:
        raise _Broken
    _numbers(list(value.values()))
    return dict(value)
