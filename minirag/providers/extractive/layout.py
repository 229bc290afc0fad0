"""Quotes to the pieces of an answer that reads well as Markdown: paragraphs, lists, tables.

Only what stands between two quotes is ours; a quote itself is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from minirag.providers.extractive.scoring import Quote
from minirag.providers.extractive.sentences import Piece


@dataclass(frozen=True, slots=True)
class _Shown:
    """A piece as it goes out; ``head`` where it is the first row of a table of the answer."""

    piece: Piece
    marker: int
    head: bool = False


def lay_out(quotes: Sequence[Quote]) -> list[str]:
    """One text for each quote, with what parts it from the one before. Put together: the answer."""
    shown = list(_with_headers(quotes))
    texts: list[str] = []
    previous: _Shown | None = None
    for one in shown:
        separator = _separator(previous, one)
        texts.append(f"{separator}{one.piece.text} [{one.marker}]")
        previous = one
    return texts


def _with_headers(quotes: Sequence[Quote]) -> Iterator[_Shown]:
    """Rows of one table come below their header, which is quoted too."""

    def table(quote: Quote) -> tuple[int, Piece | None]:
        return quote.passage.marker, quote.piece.header

    for (marker, header), group in groupby(quotes, table):
        if header is not None:
            yield _Shown(header, marker, head=True)
        for quote in group:
            yield _Shown(quote.piece, marker)


def _separator(previous: _Shown | None, one: _Shown) -> str:
    if previous is None:
        return ""
    if previous.head:
        return "\n" + " | ".join(["---"] * previous.piece.columns) + "\n"
    if previous.marker != one.marker or one.head:
        return "\n\n"
    if previous.piece.kind == one.piece.kind == "row":
        return "\n" if previous.piece.header == one.piece.header else "\n\n"
    return " " if previous.piece.kind == one.piece.kind == "text" else "\n\n"
