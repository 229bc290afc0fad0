"""Texts of any amount, made of a folder's Markdown files and never twice the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

_WORD = re.compile(r"\b[A-Z][a-z]{4,}\b")


def files_of(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.md"))
    if not files:
        raise SystemExit(f"there are no Markdown files in {folder}")
    return files


def markdown_of(folder: Path, length: int) -> str:
    """``length`` code points: all files in order, then again with other names in them."""
    parts: list[str] = []
    size = 0
    for _, text in _endless(folder):
        parts.append(text)
        size += len(text) + 2
        if size >= length:
            return "\n\n".join(parts)[:length]
    raise AssertionError("endless")


def documents_of(folder: Path, count: int) -> Iterator[tuple[str, str]]:
    """``count`` (name, text) of different texts."""
    return itertools.islice(_endless(folder), count)


def _endless(folder: Path) -> Iterator[tuple[str, str]]:
    files = files_of(folder)
    for turn in itertools.count():
        for path in files:
            name = str(path.relative_to(folder)).replace("/", " - ")
            text = path.read_text("utf-8")
            if turn:
                # A number behind each name: other words, other hashes, the same structure.
                text = _WORD.sub(rf"\g<0>{turn}", text)
            yield f"{turn:03} {name}", f"{text}\n\nCopy {turn} of {name}.\n"


def changed(text: str) -> str:
    """``text`` with one paragraph of its middle reworded; a heading is never touched."""
    parts = text.split("\n\n")
    plain = [at for at, part in enumerate(parts) if part.strip() and not part.startswith("#")]
    at = plain[len(plain) // 2]
    parts[at] += " This sentence was added later."
    return "\n\n".join(parts)
