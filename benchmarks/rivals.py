"""Other splitters, in their own environment, for ``benchmarks.chunk_speed`` and ``chunk_quality``.

``python rivals.py`` reads an order as JSON on standard input and writes an answer as JSON. It
imports nothing of MiniRAG, because the environment of ``make rivals`` holds the two libraries only.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiktoken

Split = Callable[[str], list[tuple[int, str]]]


def counter(table: str, pattern: str) -> Callable[[str], int]:
    """cl100k from the same file that MiniRAG counts with."""
    pairs = (line.split() for line in Path(table).read_bytes().splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    encoding = tiktoken.Encoding(
        "cl100k_ordinary", pat_str=pattern, mergeable_ranks=ranks, special_tokens={}
    )
    return lambda text: len(encoding.encode_ordinary(text))


def semchunk(order: dict[str, Any], count: Callable[[str], int]) -> Split:
    import semchunk as library  # noqa: PLC0415 - each rival is imported for its own run only

    chunker = library.chunkerify(count, order["size"])

    def split(text: str) -> list[tuple[int, str]]:
        pieces, offsets = chunker(text, offsets=True, overlap=order["overlap"] or None)
        return [(start, piece) for (start, _), piece in zip(offsets, pieces, strict=True)]

    return split


def langchain(order: dict[str, Any], count: Callable[[str], int]) -> Split:
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - as above

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=order["size"],
        chunk_overlap=order["overlap"],
        length_function=count,
        add_start_index=True,
        separators=order.get("separators"),
    )

    def split(text: str) -> list[tuple[int, str]]:
        found = splitter.create_documents([text])
        return [(document.metadata["start_index"], document.page_content) for document in found]

    return split


RIVALS = {"semchunk": semchunk, "langchain": langchain}


def main() -> None:
    order = json.load(sys.stdin)
    split = RIVALS[order["rival"]](order, counter(order["table"], order["pattern"]))
    texts = json.loads(Path(order["texts"]).read_text())
    split("Whatever is loaded at first use. It is not what is measured.")
    wall, cpu = time.perf_counter(), time.process_time()
    chunks = [split(text) for text in texts]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    wrong = sum(
        text[start : start + len(piece)] != piece
        for text, pieces in zip(texts, chunks, strict=True)
        for start, piece in pieces
    )
    answer = {"wall": wall, "cpu": cpu, "wrong": wrong, "count": sum(map(len, chunks))}
    if order.get("pieces"):
        answer["pieces"] = [[piece for _, piece in pieces] for pieces in chunks]
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
