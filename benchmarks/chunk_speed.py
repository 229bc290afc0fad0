"""Our chunker beside two others: ``python -m benchmarks.chunk_speed --docs DIR``.

10 MB of Markdown, the same cl100k counter for all (semchunk and langchain's
RecursiveCharacterTextSplitter run in the environment of ``make rivals``), offsets asked of each.
They take turns; MB/s are medians, by CPU time too, which a busy machine disturbs less than wall
time. Aim: not slower than either, and no wrong offset.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.figures import median, table
from benchmarks.rival_runs import Answer, Rivals, add_argument
from benchmarks.texts import markdown_of
from ingestion.chunking import chunk_text
from minirag.tokens import count_tokens

NAMES = ("MiniRAG", "semchunk", "langchain")


def ours(text: str, size: int, overlap: int) -> Answer:
    count_tokens("loads the table")
    wall, cpu = time.perf_counter(), time.process_time()
    chunks = chunk_text(text, size=size, overlap=overlap)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    wrong = sum(text[chunk.start : chunk.end] != chunk.text for chunk in chunks)
    return Answer(wall, cpu, wrong, len(chunks))


def measure(text: str, rivals: Rivals, size: int, overlap: int, rounds: int) -> list[list[str]]:
    """A row for each splitter."""
    runs: dict[str, list[Answer]] = {name: [] for name in NAMES}
    for _ in range(rounds):
        runs["MiniRAG"].append(ours(text, size, overlap))
        for rival in NAMES[1:]:
            runs[rival].append(rivals.run(rival, size, overlap))
    megabytes = len(text.encode()) / 1e6
    rows = []
    for name, answers in runs.items():
        cpu, wall = median([a.cpu for a in answers]), median([a.wall for a in answers])
        last = answers[-1]
        speed = [f"{megabytes / cpu:.2f}", f"{megabytes / wall:.2f}"]
        rows.append([f"{size}/{overlap}", name, *speed, str(last.count), str(last.wrong)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, required=True, help="folder with Markdown files")
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sizes", nargs="+", default=["512/64", "512/0", "256/32"], help="size/overlap in tokens"
    )
    add_argument(parser)
    options = parser.parse_args()
    text = markdown_of(options.docs, int(options.megabytes * 1e6))
    rows = []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([text], file)
        file.flush()
        rivals = Rivals(options.rivals, Path(file.name))
        for pair in options.sizes:
            size, overlap = map(int, pair.split("/"))
            rows += measure(text, rivals, size, overlap, options.rounds)
    print(f"{len(text.encode()) / 1e6:.1f} MB of Markdown, {options.rounds} rounds, medians")
    table(["size", "", "MB/s (CPU)", "MB/s (wall)", "chunks", "wrong offsets"], rows)


if __name__ == "__main__":
    main()
