"""Citations are the server's: markers checked while they stream, quotes found in the passages."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chat.markers import PlacedMarker
from chat.terms import content_terms
from minirag.types import Passage

# A sentence ends at its stop, or at a blank line, list item or heading where it has none.
_SENTENCE = re.compile(
    r"[^\n.!?。！？]*(?:[.!?](?!\s|$)[^\n.!?。！？]*)*(?:[.!?。！？]+[\"'”’)\]]*|(?=\n)|$)"
)
_MARKER = re.compile(r"\[[0-9]{1,6}\]")
# Shorter stretches are found anywhere and prove nothing.
_LEAST_VERBATIM = 8


@dataclass(frozen=True, slots=True)
class CitationDraft:
    """What stands behind ``[marker]``: ``document.text[start:end] == quote``."""

    marker: int
    chunk_id: UUID
    document_id: UUID
    source_id: UUID
    title: str
    url: str | None
    page: int | None
    heading_path: tuple[str, ...]
    start: int
    end: int
    quote: str
    verified: bool


def build_citations(
    answer: str, markers: Sequence[PlacedMarker], passages: Sequence[Passage], *, extractive: bool
) -> tuple[CitationDraft, ...]:
    """One citation per marker and quote, in the order of the answer.

    The quote is what the answer says before the marker where the passage holds it word for word,
    else the passage's sentence that shares most with it. ``verified`` only for the verbatim quotes
    of an extractive model: words that a generating model repeats prove no claim.
    """
    by_marker = {passage.marker: passage for passage in passages}
    found: dict[tuple[int, int, int], CitationDraft] = {}
    for place, placed in enumerate(markers):
        passage = by_marker[placed.marker]
        before = answer[_claim_start(answer, markers, place) : placed.start]
        span = _verbatim(before, passage.text)
        verified = extractive and span is not None
        start, end = span or _best_sentence(before, passage.text)
        key = (placed.marker, start, end)
        if start < end and (key not in found or verified):
            found[key] = _draft(passage, start, end, verified)
    return tuple(found.values())


def _claim_start(answer: str, markers: Sequence[PlacedMarker], place: int) -> int:
    """Where the words that a marker stands for begin: after the last marker that has words behind.

    ``A claim.[1][2]``: both markers stand for the same claim.
    """
    for earlier in range(place - 1, -1, -1):
        between = answer[markers[earlier].end : markers[earlier + 1].start]
        if between.strip(" \t.,;"):
            return markers[earlier].end
    return 0


def _verbatim(claim: str, text: str) -> tuple[int, int] | None:
    """Offsets in ``text`` of the whole claim, or of its last sentence, spaces not compared."""
    whole = claim.strip(" \t\r\n-*•>")
    sentences = _sentences(whole)
    tries = [whole, *(whole[start:] for start, _ in reversed(sentences))]
    for words in dict.fromkeys(tries):
        tokens = _MARKER.sub(" ", words).split()
        if len(" ".join(tokens)) < _LEAST_VERBATIM:
            continue
        # The filter took markers that pointed nowhere out of the claim; the passage still has them.
        pattern = r"(?:\s|\[[0-9]+\])*".join(map(re.escape, tokens))
        match = re.search(pattern, text)
        if match:
            return match.span()
    return None


def _best_sentence(claim: str, text: str) -> tuple[int, int]:
    """Offsets of the passage's sentence that shares most content words with the claim."""
    wanted = set(content_terms(claim))
    spans = _sentences(text)
    if not spans:
        return 0, 0

    def weight(span: tuple[int, int]) -> float:
        terms = set(content_terms(text[span[0] : span[1]]))
        return len(terms & wanted) / math.sqrt(len(terms) + 4)

    return max(spans, key=weight)


def _sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences, without the space around them."""
    spans = []
    for match in _SENTENCE.finditer(text):
        body = match.group()
        if body.strip():
            start = match.start() + len(body) - len(body.lstrip())
            spans.append((start, match.start() + len(body.rstrip())))
    return spans


def _draft(passage: Passage, start: int, end: int, verified: bool) -> CitationDraft:
    return CitationDraft(
        marker=passage.marker,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        source_id=passage.source_id,
        title=passage.title,
        url=passage.url,
        page=_page_at(passage, passage.start + start),
        heading_path=passage.heading_path,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        verified=verified,
    )


def _page_at(passage: Passage, place: int) -> int | None:
    """The page of ``place``: a passage may begin on an earlier one."""
    pages = [number for begins, number in passage.page_breaks if begins <= place]
    return pages[-1] if pages else passage.page
