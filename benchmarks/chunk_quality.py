"""Chunk quality by Chroma's questions: ``python -m benchmarks.chunk_quality --data DIR``.

``DIR`` holds ``corpora/*.md`` and ``questions.jsonl`` (the layout of chunking/chroma-dev). For gold
spans g and the five best chunks of a question: recall = |g and chunks| / |g|; precision = the same
over the sum of the chunks' lengths (overlap is paid for twice); IoU adds what was missed to the
denominator; precision-omega is the ratio when exactly the chunks that touch g are retrieved, over
their union, so no retriever has a part in it (Smith and Troynikov, "Evaluating Chunking Strategies
for Retrieval", Chroma, 2024). Ours stands beside langchain's recursive splitter with Chroma's
separators, from the environment of ``make rivals``, in the same run and with the same retrievers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figures import table
from benchmarks.retrieval import Passages
from benchmarks.rival_runs import Rivals, add_argument
from ingestion.chunking import chunk_text

Span = tuple[int, int]
# Chroma's RecursiveTokenChunker: blank line, line, sentence ends, space, character.
SEPARATORS = ["\n\n", "\n", ".", "?", "!", " ", ""]
TOP = 5
# All five corpora (we have three of them), text-embedding-3-large; precision-omega and IoU in %.
PUBLISHED = {"400/200": (13.9, 3.3), "400/0": (17.7, 3.6), "200/0": (29.9, 6.9)}


@dataclass(frozen=True, slots=True)
class Question:
    corpus: str
    text: str
    gold: list[Span]


@dataclass(frozen=True, slots=True)
class Piece:
    corpus: str
    span: Span
    text: str


def read_questions(folder: Path) -> list[Question]:
    lines = (folder / "questions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Question(
            row["corpus_id"], row["text"], [(one["start"], one["end"]) for one in row["references"]]
        )
        for row in rows
    ]


def ours(corpora: dict[str, str], size: int, overlap: int) -> list[Piece]:
    return [
        Piece(name, (chunk.start, chunk.end), chunk.text)
        for name, text in corpora.items()
        for chunk in chunk_text(text, size=size, overlap=overlap)
    ]


def recursive(rivals: Rivals, corpora: dict[str, str], size: int, overlap: int) -> list[Piece]:
    """langchain's, its pieces found again in order (its own offsets are often wrong)."""
    answer = rivals.run("langchain", size, overlap, separators=SEPARATORS, pieces=True)
    found = []
    for (name, text), pieces in zip(corpora.items(), answer.pieces, strict=True):
        at = 0
        for piece in pieces:
            start = text.index(piece, at)
            found.append(Piece(name, (start, start + len(piece)), piece))
            at = start + 1
    return found


def merged(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def length(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)


def common(left: Sequence[Span], right: Sequence[Span]) -> int:
    """Characters in both; each side free of overlaps."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in left for b in right)


def scores(question: Question, chunks: Sequence[Piece]) -> tuple[float, float, float]:
    """Recall, precision and IoU of retrieved ``chunks``."""
    gold = merged(question.gold)
    spans = [piece.span for piece in chunks if piece.corpus == question.corpus]
    hit = common(gold, merged(spans))
    paid = sum(len(piece.text) for piece in chunks)
    return hit / length(gold), hit / paid, hit / (paid + length(gold) - hit)


def omega(question: Question, chunks: Sequence[Piece]) -> float:
    """Precision where exactly the chunks that touch the gold spans are retrieved."""
    gold = merged(question.gold)
    own = [piece.span for piece in chunks if piece.corpus == question.corpus]
    touching = merged([span for span in own if common([span], gold)])
    return common(gold, touching) / length(touching)


def row(name: str, size: str, chunks: list[Piece], questions: list[Question]) -> list[str]:
    """All figures of one chunker at one size."""
    cells = [size, name, str(len(chunks)), f"{np.mean([len(p.text) for p in chunks]):.0f}"]
    cells.append(percent([omega(question, chunks) for question in questions]))
    with closing(Passages([piece.text for piece in chunks])) as passages:
        for ranked in (passages.lexical, passages.hybrid):
            found = [
                scores(question, [chunks[at] for at in ranked(question.text, TOP)])
                for question in questions
            ]
            cells += [percent([one[which] for one in found]) for which in (0, 1, 2)]
    published = PUBLISHED.get(size)
    cells.append(f"{published[0]} / {published[1]}" if published else "")
    return cells


def percent(values: Sequence[float]) -> str:
    return f"{100 * float(np.mean(values)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=["400/200", "400/0", "200/0"])
    parser.add_argument("--ours", nargs="*", default=["512/64", "256/32"], help="ours alone")
    add_argument(parser)
    options = parser.parse_args()
    corpora = {
        path.stem: path.read_text("utf-8")
        for path in sorted((options.data / "corpora").glob("*.md"))
    }
    questions = read_questions(options.data)
    rows = []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(list(corpora.values()), file)
        file.flush()
        rivals = Rivals(options.rivals, Path(file.name))
        for pair in options.sizes:
            size, overlap = map(int, pair.split("/"))
            theirs = recursive(rivals, corpora, size, overlap)
            rows.append(row("recursive", pair, theirs, questions))
            rows.append(row("MiniRAG", pair, ours(corpora, size, overlap), questions))
        for pair in options.ours:
            size, overlap = map(int, pair.split("/"))
            rows.append(row("MiniRAG", pair, ours(corpora, size, overlap), questions))
    print(f"{len(questions)} questions, {len(corpora)} texts, top {TOP}, all in %")
    print("BM25: the sparse vectors alone; hybrid: with MiniLM, fused as in a search (DBSF)")
    head = ["size", "", "chunks", "chars", "PrecΩ"]
    head += [f"{by} {what}" for by in ("BM25", "hybrid") for what in ("rec", "prec", "IoU")]
    table([*head, "published PrecΩ / IoU"], rows)


if __name__ == "__main__":
    main()
