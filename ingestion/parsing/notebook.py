"""Jupyter notebooks: Markdown cells as Markdown, code as code, and the beginning of its output."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ingestion.parsing.document import Built, ContentLimits
from ingestion.parsing.markdown import parse_cells
from minirag.errors import UnreadableSource

# Characters of one cell's outputs that are kept: logs of a training run are no text to read.
_MOST_OUTPUT = 2_000
_TERMINAL = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_TICKS = re.compile("`+")
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")


def parse_notebook(text: str, limits: ContentLimits) -> Built:
    """Cells in their order. Raises ``UnreadableSource`` where it is no notebook."""
    try:
        book = json.loads(text.lstrip("\ufeff"), parse_int=float)  # a long one is no whole number
    except json.JSONDecodeError as error:
        raise UnreadableSource(f"This is not a valid notebook: line {error.lineno}.") from error
    cells = list(_cells(book))
    if len(cells) > limits.rows:
        raise UnreadableSource(f"There are more than {limits.rows:,} cells in it.")
    language = _language(book)
    return parse_cells(piece for cell in cells for piece in _pieces(cell, language))


def _cells(book: Any) -> Iterator[dict[str, Any]]:
    """Cells of any version: until the fourth they stood in worksheets."""
    sheets = _list(book, "worksheets")
    for holder in [book, *sheets]:
        yield from (cell for cell in _list(holder, "cells") if isinstance(cell, dict))


def _language(book: Any) -> str:
    facts = book.get("metadata") if isinstance(book, dict) else None
    for name, key in (("language_info", "name"), ("kernelspec", "language")):
        known = facts.get(name) if isinstance(facts, dict) else None
        said = known.get(key) if isinstance(known, dict) else None
        if isinstance(said, str) and _LANGUAGE.fullmatch(said):
            return said
    return ""


def _pieces(cell: dict[str, Any], language: str) -> Iterator[str]:
    source = _text(cell.get("source", cell.get("input")))
    match cell.get("cell_type"):
        case "code":
            yield _fenced(source, language)
            yield _fenced(_outputs(cell), "output")
        case "heading":
            level = cell.get("level")
            marks = "#" * int(level) if isinstance(level, float) and 1 <= level < 7 else "#"
            yield f"{marks} {source}\n\n"
        case _:
            yield f"{source}\n\n"


def _fenced(text: str, kind: str) -> str:
    if not text.strip():
        return ""
    marks = "`" * max(3, 1 + max(map(len, _TICKS.findall(text)), default=0))
    end = "" if text.endswith("\n") else "\n"
    return f"{marks}{kind}\n{text}{end}{marks}\n\n"


def _outputs(cell: dict[str, Any]) -> str:
    """What the cell printed, gave back or failed with, as text; pictures are none."""
    texts = []
    for output in _list(cell, "outputs"):
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        given = data if isinstance(data, dict) else output
        shown = (_text(given.get(name)) for name in ("text/markdown", "text/plain", "text"))
        failed = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}".strip(": ")
        texts.append(next((one for one in shown if one), failed))
    text = _TERMINAL.sub("", "\n".join(one.rstrip("\n") for one in texts if one))
    return text if len(text) <= _MOST_OUTPUT else text[:_MOST_OUTPUT] + "\n…"


def _list(holder: Any, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    """A text, or its lines in a list."""
    if isinstance(value, list):
        return "".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""
