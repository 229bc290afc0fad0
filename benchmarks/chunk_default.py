"""Which chunk size should be the default: ``python -m benchmarks.chunk_default --data DIR``.

``DIR`` holds the sets ``chunking/chroma-dev``, ``groundedness/wice-dev`` (both with gold spans) and
the retrieval sets named below. Everything is searched as ``POST /v1/search`` does it: BM25 and
MiniLM, fused (DBSF). Shown for each size:

- chunks: what is embedded and stored, the cost;
- R@5: share of the gold characters in the five best chunks, what a bot sees by default;
- R@8k: the same in as many of the best chunks as fit into 8,000 characters, whatever their size;
- IoU of the five best with the gold spans;
- nDCG@10 of documents, each as good as its best chunk.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks import retrieval
from benchmarks.chunk_quality import Piece, Question, ours, percent, read_questions, scores
from benchmarks.figures import table

BUDGET = 8_000
_MOST = 60  # chunks that are looked at for the budget, or for ten documents
RETRIEVAL = (
    "retrieval/scifact-train",
    "conversation/mtragun-dev",
    "conversation/cast2021",
    "multidoc/hotpotqa100",
)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def chroma(root: Path) -> tuple[dict[str, str], list[Question]]:
    folder = root / "chunking" / "chroma-dev"
    corpora = {path.stem: path.read_text("utf-8") for path in (folder / "corpora").glob("*.md")}
    return corpora, read_questions(folder)


def wice(root: Path, articles: int) -> tuple[dict[str, str], list[Question]]:
    """The first ``articles`` web articles that a claim has gold sentences in."""
    folder = root / "groundedness" / "wice-dev"
    claims = [claim for claim in lines(folder / "claims.jsonl") if claim["references"]]
    names = list(dict.fromkeys(str(claim["doc_id"]) for claim in claims))[:articles]
    texts = {str(row["_id"]): str(row["text"]) for row in lines(folder / "corpus.jsonl")}
    questions = [
        Question(
            str(claim["doc_id"]),
            str(claim["claim"]),
            [(span["start"], span["end"]) for span in claim["references"]],  # type: ignore[attr-defined]
        )
        for claim in claims
        if claim["doc_id"] in set(names)
    ]
    return {name: texts[name] for name in names}, questions


def spans_row(
    corpora: dict[str, str], questions: Sequence[Question], size: int, overlap: int
) -> list[str]:
    """Chunks, R@5, R@8k and IoU."""
    chunks = ours(corpora, size, overlap)
    with closing(retrieval.Passages([piece.text for piece in chunks])) as passages:
        five, budget = [], []
        for question in questions:
            found = [chunks[at] for at in passages.hybrid(question.text, _MOST)]
            five.append(scores(question, found[:5]))
            budget.append(scores(question, fitting(found))[0])
    cells = [str(len(chunks)), percent([one[0] for one in five]), percent(budget)]
    return [*cells, percent([one[2] for one in five])]


def fitting(found: Iterable[Piece]) -> list[Piece]:
    kept, used = [], 0
    for piece in found:
        if used + len(piece.text) > BUDGET:
            break
        kept.append(piece)
        used += len(piece.text)
    return kept


class Set:
    """A retrieval set: texts by id, questions with what is relevant to them. Capped, by a seed."""

    def __init__(self, folder: Path, most: int) -> None:
        self.queries: dict[str, str] = {
            str(row["_id"]): str(row["text"]) for row in lines(folder / "queries.jsonl")
        }
        self.relevant: dict[str, dict[str, int]] = {}
        for line in (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]:
            query, document, score = line.split("\t")
            if int(score) > 0 and query in self.queries:
                self.relevant.setdefault(query, {})[document] = int(score)
        chance = random.Random(7)
        asked = sorted(self.relevant)
        chance.shuffle(asked)
        self.asked = asked[: most // 4]
        rows = lines(folder / "corpus.jsonl")
        wanted = {document for query in self.asked for document in self.relevant[query]}
        others = [row for row in rows if row["_id"] not in wanted]
        chance.shuffle(others)
        kept = [row for row in rows if row["_id"] in wanted] + others[: max(0, most - len(wanted))]
        self.texts = {str(row["_id"]): f"{row['title']}\n{row['text']}".strip() for row in kept}

    def ndcg(self, size: int, overlap: int) -> tuple[float, int]:
        """nDCG@10 in %, and the number of chunks."""
        chunks = ours(self.texts, size, overlap)
        with closing(retrieval.Passages([piece.text for piece in chunks])) as passages:
            gained = []
            for query in self.asked:
                found = passages.hybrid(self.queries[query], _MOST)
                ranked = list(dict.fromkeys(chunks[at].corpus for at in found))[:10]
                gained.append(ndcg(ranked, self.relevant[query]))
        return 100 * float(np.mean(gained)), len(chunks)


def ndcg(ranked: Sequence[str], relevant: dict[str, int]) -> float:
    def gain(values: Iterable[int]) -> float:
        return sum(value / math.log2(rank + 2) for rank, value in enumerate(values))

    best = gain(sorted(relevant.values(), reverse=True)[:10])
    return gain(relevant.get(one, 0) for one in ranked) / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--articles", type=int, default=100, help="of the long web articles")
    parser.add_argument("--documents", type=int, default=600, help="of each retrieval set, at most")
    parser.add_argument(
        "--first-window", action="store_true", help="let MiniLM read 256 word pieces of each chunk"
    )
    parser.add_argument(
        "--sizes", nargs="+", default=["512/64", "384/0", "256/32", "256/0", "200/0", "128/0"]
    )
    options = parser.parse_args()
    retrieval.whole_texts = not options.first_window
    spans = {"chroma": chroma(options.data), "wice": wice(options.data, options.articles)}
    sets = [Set(options.data / name, options.documents) for name in RETRIEVAL]
    rows, ranks = [], []
    for pair in options.sizes:
        size, overlap = map(int, pair.split("/"))
        found = [spans_row(texts, questions, size, overlap) for texts, questions in spans.values()]
        rows.append([pair, *found[0], *found[1]])
        gained = [one.ndcg(size, overlap) for one in sets]
        ranks.append([pair, *[f"{value:.1f} ({chunks})" for value, chunks in gained]])
    table(["size", *[f"{n} {w}" for n in spans for w in ("chunks", "R@5", "R@8k", "IoU")]], rows)
    print("\nnDCG@10 of documents (chunks)")
    table(["size", *RETRIEVAL], ranks)


if __name__ == "__main__":
    main()
