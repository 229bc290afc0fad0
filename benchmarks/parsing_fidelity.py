"""What the parsers keep: ``python -m benchmarks.parsing_fidelity --data DIR``.

``DIR`` holds ``docling-dev``, ``html-articles-dev`` and ``pdf-samples-dev``. Per format the words
of the reference that are found again (recall; mean over the files), for articles precision, recall
and F1 of 4-word shingles, for PDF samples whether pages and locks are told as listed. Ends with
status 1 where a floor is missed.

Articles: shingles and means as in scrapinghub's article-extraction-benchmark. The targets of links
are taken out of our text first, since the reference has words only; the headline that we keep above
an article counts against us.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.figures import table
from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from minirag.errors import UnreadableSource

# Recall of plain libraries on the same files, and what articles shall reach.
FLOORS = {
    "docx": 0.88, "html": 0.95, "pdf": 0.94, "pptx": 0.67, "xlsx": 0.74, "csv": 1.00, "md": 0.99,
    "articles": 0.95, "pdf samples": 0.96,
}  # fmt: skip
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TARGET = re.compile(r"\]\((?:[^()\s]|\([^)]*\))*\)")
_SHINGLE = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. ``value`` is what the floor is compared with."""

    name: str
    files: int
    value: float
    precision: float

    @property
    def good(self) -> bool:
        return round(self.value, 3) >= FLOORS[self.name]


def measure(data: Path) -> list[Figure]:
    """Figures of the sets below ``data``; a set that is missing raises ``FileNotFoundError``."""
    return [*_formats(data / "docling-dev"), _articles(data / "html-articles-dev"),
            _samples(data / "pdf-samples-dev")]  # fmt: skip


def _parsed(path: Path, key: str = "") -> Built | UnreadableSource:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data, key = gzip.decompress(data), key or path.stem
    try:
        return parse_bytes(data, Hints(key or path.name), ContentLimits())
    except UnreadableSource as error:
        return error


def _text(path: Path) -> str:
    found = _parsed(path)
    return found.text if isinstance(found, Built) else ""


def _formats(folder: Path) -> Iterator[Figure]:
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for entry in _load(folder / "manifest.json"):
        # The references are Markdown with escaped signs and remarks on images.
        reference = (folder / entry["reference"]).read_text()
        wanted = _words(_COMMENT.sub("", html.unescape(reference)))
        found = _words(_text(folder / entry["file"]))
        scores[entry["format"]].append(_shares(wanted, found))
    for name, pairs in scores.items():
        recall, precision = (fmean(column) for column in zip(*pairs, strict=True))
        yield Figure(name, len(pairs), recall, precision)


def _articles(folder: Path) -> Figure:
    pairs = []
    for name, entry in _load(folder / "ground-truth.json").items():
        page = folder / "html" / f"{name}.html.gz"
        if page.exists():
            text = _TARGET.sub("]", _text(page))
            pairs.append(_shares(_shingles(entry["articleBody"]), _shingles(text)))
    recall, precision = (fmean(column) for column in zip(*pairs, strict=True))
    return Figure("articles", len(pairs), 2 * precision * recall / (precision + recall), precision)


def _samples(folder: Path) -> Figure:
    right = []
    for entry in _load(folder / "files.json")["data"]:
        path = folder / entry["path"]
        if not path.exists():
            continue
        found = _parsed(path)
        if isinstance(found, Built):
            right.append(found.metadata["page_count"] == entry["pages"] and not entry["encrypted"])
        else:
            locked = "password" in found.message
            empty = "no text" in found.message
            right.append(locked if entry["encrypted"] else empty)
    return Figure("pdf samples", len(right), fmean(right), 1.0)


def _load(path: Path) -> Any:
    return json.loads(path.read_text())


def _words(text: str) -> Counter[Any]:
    return Counter(_WORD.findall(text.lower()))


def _shingles(text: str) -> Counter[Any]:
    words = _WORD.findall(text)
    return Counter(tuple(words[at : at + _SHINGLE]) for at in range(len(words) - _SHINGLE + 1))


def _shares(wanted: Counter[Any], found: Counter[Any]) -> tuple[float, float]:
    """(recall, precision); where nothing is wanted or found, nothing is missed."""
    both = (wanted & found).total()
    recall = both / wanted.total() if wanted else 1.0
    return recall, both / found.total() if found else float(not wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the three sets")
    figures = measure(parser.parse_args().data)
    rows = [
        [one.name, str(one.files), f"{one.value:.3f}", f"{FLOORS[one.name]:.2f}",
         f"{one.precision:.3f}", "" if one.good else "MISSED"]
        for one in figures
    ]  # fmt: skip
    table(["set", "files", "recall or F1", "floor", "precision", ""], rows)
    return int(not all(one.good for one in figures))


if __name__ == "__main__":
    raise SystemExit(main())
