"""Which pieces answer the question: term coverage first, then cosine of the best of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minirag.protocols import Embedder
from minirag.providers.extractive.sentences import Piece, pieces
from minirag.types import ChatRequest, Passage

# Pieces that are embedded for one question; each costs 5 to 10 ms of one core.
CANDIDATES = 8
MOST_QUOTES = 3
# Weights of cosine, term coverage and the passage's own rank in a piece's score.
_COSINE, _COVERAGE, _RANK = 0.55, 0.35, 0.10
# A further quote has to reach this share of the best one's score.
_NEAR = 0.7
_SAME = 0.8
_TERM = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_぀-ヿ㐀-鿿가-힣]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can could did do does for from had has have how i if in "
        "into is it its me my of on or our shall should so than that the their them then there "
        "these they this to was we were what when where which who whom whose why will with would "
        "you your about please tell",
    )
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of a passage, chosen for the answer."""

    passage: Passage
    piece: Piece
    score: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    passage: Passage
    piece: Piece
    rank: int
    terms: frozenset[str]


def terms(text: str) -> frozenset[str]:
    """Lower-case words with plain English endings off; CJK by character."""
    return frozenset(_stem(word) for word in _TERM.findall(text.lower()) if word not in _STOP)


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def choose(request: ChatRequest, embedder: Embedder) -> list[Quote]:
    """Up to ``MOST_QUOTES`` quotes, grouped by passage, in reading order. Blocking."""
    candidates = _candidates(request.passages)
    wanted = terms(request.question)
    weights = _weights(wanted, candidates)
    coverage = [_coverage(candidate, weights) for candidate in candidates]
    first = sorted(range(len(candidates)), key=lambda i: (-coverage[i], candidates[i].rank, i))
    kept = first[:CANDIDATES]
    cosines = _cosines(request.question, [candidates[i].piece.text for i in kept], embedder)
    scored = [
        Quote(
            candidates[i].passage,
            candidates[i].piece,
            _COSINE * cosine + _COVERAGE * coverage[i] + _RANK / (1 + candidates[i].rank),
        )
        for i, cosine in zip(kept, cosines, strict=True)
    ]
    return _in_order(_best(scored))


def _candidates(passages: Sequence[Passage]) -> list[_Candidate]:
    return [
        _Candidate(passage, piece, rank, terms(piece.text))
        for rank, passage in enumerate(passages)
        for piece in pieces(passage.text)
    ]


def _weights(wanted: frozenset[str], candidates: Sequence[_Candidate]) -> dict[str, float]:
    """Inverse document frequency of the question's terms among the pieces at hand."""
    counts = Counter(term for candidate in candidates for term in candidate.terms & wanted)
    return {term: math.log(1 + (1 + len(candidates)) / (1 + counts[term])) for term in wanted}


def _coverage(candidate: _Candidate, weights: dict[str, float]) -> float:
    """Share (0 to 1) of the question's weight in the piece; half where only its heading has it."""
    total = sum(weights.values())
    if not total:
        return 0.0
    above = terms(" ".join((candidate.passage.title, *candidate.passage.heading_path)))
    found = sum(weights[term] for term in candidate.terms & weights.keys())
    nearby = sum(weights[term] for term in (above - candidate.terms) & weights.keys())
    return (found + nearby / 2) / total


def _cosines(question: str, texts: Sequence[str], embedder: Embedder) -> list[float]:
    if not texts:
        return []
    query = embedder.embed([question], purpose="query").vectors[0]
    batch = embedder.batch_limit
    rows = [
        embedder.embed(texts[i : i + batch], purpose="document").vectors
        for i in range(0, len(texts), batch)
    ]
    return [float(x) for x in np.concatenate(rows) @ query]


def _best(quotes: Sequence[Quote]) -> list[Quote]:
    chosen: list[Quote] = []
    for quote in sorted(quotes, key=lambda quote: -quote.score):
        weak = chosen and quote.score < _NEAR * chosen[0].score
        if len(chosen) == MOST_QUOTES or weak:
            break
        if not any(_alike(quote, other) for other in chosen):
            chosen.append(quote)
    return chosen


def _alike(one: Quote, other: Quote) -> bool:
    """Overlapping chunks hold the same sentence twice."""
    a, b = terms(one.piece.text), terms(other.piece.text)
    return one.piece.text == other.piece.text or len(a & b) > _SAME * max(len(a | b), 1)


def _in_order(chosen: Sequence[Quote]) -> list[Quote]:
    best = {quote.passage.marker: quote.score for quote in reversed(chosen)}
    return sorted(chosen, key=lambda q: (-best[q.passage.marker], q.passage.marker, q.piece.start))
