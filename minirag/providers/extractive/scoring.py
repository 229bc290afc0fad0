"""Which pieces answer the question: words first, then the meaning of the few best of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from minirag.protocols import Embedder
from minirag.providers.extractive.sentences import Piece, pieces
from minirag.providers.extractive.wording import (
    Places,
    Wording,
    asks_more,
    asks_number,
    case,
    clauses,
    has_number,
    terms,
    wording,
)
from minirag.types import ChatRequest, Passage, Vector

# Pieces that are embedded for one question; each costs 5 to 10 ms of one core.
CANDIDATES = 5
MOST_QUOTES = 3
# Pieces whose words score this much below the best one's are not embedded: no cosine makes it up.
_WITHIN = 0.2
# Weights in a piece's score: cosine with the question, words, passage's place and own cosine.
_COSINE, _COVERAGE, _RANK, _NEARNESS = 0.45, 0.45, 0.06, 0.2
# A number where one is asked for; an early place in its passage, where general things stand.
_NUMBER, _EARLY = 0.06, 0.06
# For another case than the one that is asked about.
_OTHER_CASE = -0.06
_KIND = {"text": 0.0, "item": 0.0, "row": -0.04, "code": -0.08, "line": -0.12}
_FRAGMENT = -0.08
# A further quote has to reach a share of the best one's score: where it adds words of the
# question; where the question wants more than a sentence; else where it is as good.
_ADDS, _MORE, _AS_GOOD, _TIED = 0.6, 0.85, 0.94, 0.97
# Weight of the question's words that makes a quote an addition, and a first quote enough.
_NEW_WORDS, _ENOUGH = 0.12, 0.75
# Two quotes of a passage stand in the passage's own order where their scores are this near.
_LEVEL = 0.85
_SAME = 0.8


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of a passage, chosen for the answer. ``terms`` are its own and its header's."""

    passage: Passage
    piece: Piece
    score: float
    terms: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Candidate:
    passage: Passage
    piece: Piece
    places: Places
    # What speaks for the piece whatever the question's words are.
    prior: float


def choose(request: ChatRequest, embedder: Embedder) -> list[Quote]:
    """Up to ``MOST_QUOTES`` quotes, the best first, those of one passage together. Blocking."""
    query = request.query or request.question
    candidates = [
        candidate
        for rank, passage in enumerate(request.passages)
        for candidate in _candidates(passage, rank)
    ]
    asked = clauses(request.question)
    meaning = _Meaning(query, embedder)
    chosen: list[Quote] = []
    for clause in asked:
        # A question on its own is what was searched for: a follow-up made whole asks the same.
        whole = query if len(asked) == 1 else clause
        said = wording(clause, query, [one.places.own for one in candidates], alone=len(asked) == 1)
        kept = list(_distinct(_by_words(whole, said, candidates), chosen, 1 + len(asked)))
        most = MOST_QUOTES if len(asked) == 1 else 1
        chosen.extend(_best(meaning.add(kept), said, most, more=asks_more(clause)))
    return _in_order(chosen)


def _candidates(passage: Passage, rank: int) -> Iterator[_Candidate]:
    above = terms(" ".join((passage.title, *passage.heading_path)))
    nearness = _RANK / (1 + rank) + _NEARNESS * passage.cosine
    for place, (piece, own, header, before) in enumerate(_parts(passage.text)):
        prior = nearness + _KIND[piece.kind] + _EARLY / (1 + place)
        prior += _FRAGMENT if piece.fragment else 0.0
        yield _Candidate(passage, piece, Places(own, header, above, before), prior)


@lru_cache(maxsize=256)
def _parts(
    text: str,
) -> tuple[tuple[Piece, frozenset[str], frozenset[str], frozenset[str]], ...]:
    """Pieces of a text with terms of their own, of their header, of the piece before.

    Kept: passages that are asked for again are not cut again.
    """
    found = []
    before: frozenset[str] = frozenset()
    for piece in pieces(text):
        own = terms(piece.text)
        header = terms(piece.header.text) if piece.header else frozenset()
        found.append((piece, own, header, before))
        before = own
    return tuple(found)


def _by_words(clause: str, said: Wording, candidates: Sequence[_Candidate]) -> list[Quote]:
    """All candidates as quotes, scored without a model, best first."""
    numeric = asks_number(clause)
    quotes = [
        Quote(
            one.passage,
            one.piece,
            one.prior + _word_score(one, said, numeric=numeric),
            one.places.own | one.places.header,
        )
        for one in candidates
    ]
    return sorted(quotes, key=lambda quote: -quote.score)


def _word_score(candidate: _Candidate, said: Wording, *, numeric: bool) -> float:
    score = _COVERAGE * said.coverage(candidate.places)
    condition = case(candidate.piece.text)
    if condition and not condition & said.shares.keys():
        score += _OTHER_CASE
    return score + (_NUMBER if numeric and has_number(candidate.piece.text) else 0.0)


def _distinct(ranked: Sequence[Quote], chosen: Sequence[Quote], parts: int) -> Iterator[Quote]:
    """The best few that are worth embedding; of two alike (overlapping chunks) the better one."""
    kept: list[Quote] = []
    for quote in ranked:
        enough = len(kept) * max(1, parts - 1) >= CANDIDATES
        if enough or quote.score < ranked[0].score - _WITHIN:
            return
        if not any(_alike(quote, other) for other in (*kept, *chosen)):
            kept.append(quote)
            yield quote


class _Meaning:
    """Cosines of pieces with the query; the query is embedded at the first need."""

    def __init__(self, query: str, embedder: Embedder) -> None:
        self._query, self._embedder = query, embedder
        self._asked: Vector | None = None

    def add(self, quotes: Sequence[Quote]) -> list[Quote]:
        """The quotes with their cosine in the score. A single candidate needs none."""
        if len(quotes) < 2:
            return list(quotes)
        if self._asked is None:
            self._asked = self._embedder.embed([self._query], purpose="query").vectors[0]
        texts = [quote.piece.text for quote in quotes]
        batch = self._embedder.batch_limit
        rows = [
            self._embedder.embed(texts[at : at + batch], purpose="document").vectors
            for at in range(0, len(texts), batch)
        ]
        cosines = np.concatenate(rows) @ self._asked
        return [
            replace(quote, score=quote.score + _COSINE * float(cosine))
            for quote, cosine in zip(quotes, cosines, strict=True)
        ]


def _best(quotes: Sequence[Quote], said: Wording, most: int, *, more: bool) -> list[Quote]:
    chosen: list[Quote] = []
    covered: frozenset[str] = frozenset()
    for quote in sorted(quotes, key=lambda quote: -quote.score):
        if len(chosen) == most:
            break
        if chosen and not _worth_adding(quote, chosen[0], covered, said, more=more):
            continue
        chosen.append(quote)
        above = (quote.passage.title, *quote.passage.heading_path)
        covered |= quote.terms | terms(" ".join(above))
    return chosen


def _worth_adding(
    quote: Quote, best: Quote, covered: frozenset[str], said: Wording, *, more: bool
) -> bool:
    share = quote.score / best.score if best.score > 0 else 0.0
    if said.held(quote.terms - covered) >= _NEW_WORDS:
        return share >= _ADDS
    if more:
        return share >= _MORE
    return share >= (_AS_GOOD if said.held(covered) < _ENOUGH else _TIED)


def _alike(one: Quote, other: Quote) -> bool:
    """Overlapping chunks hold the same sentence twice."""
    if one.piece.text == other.piece.text:
        return True
    return len(one.terms & other.terms) > _SAME * max(len(one.terms | other.terms), 1)


def _in_order(chosen: Sequence[Quote]) -> list[Quote]:
    """Passages in the order of their best quote; in one those that are nearly as good first."""
    first = {quote.passage.marker: quote for quote in reversed(chosen)}
    order = list(first)[::-1]

    def key(quote: Quote) -> tuple[int, bool, int]:
        best = first[quote.passage.marker]
        weaker = quote.score < _LEVEL * best.score and quote.piece.kind in ("text", "code")
        return order.index(quote.passage.marker), weaker, quote.piece.start

    return sorted(chosen, key=key)
