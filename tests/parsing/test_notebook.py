"""Notebooks: text with its headings, code, and what it printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from minirag.errors import UnreadableSource


def parse(book: Any, **limits: int) -> Built:
    return parse_bytes(json.dumps(book).encode(), Hints("a.ipynb"), ContentLimits(**limits))


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": outputs}


def test_a_notebook_is_its_cells_in_their_order() -> None:
    built = parse({
        "metadata": {"kernelspec": {"language": "python"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Bears\n", "They *sleep*."]},
            code("# no heading\nprint(1)", {"output_type": "stream", "text": ["1\n"]}),
            code("x", {"data": {"text/plain": ["a  b"], "image/png": "iVBOR"}}),
            code("1/0", {"ename": "ZeroDivisionError", "evalue": "\x1b[31mby zero\x1b[0m"}),
            {"cell_type": "raw", "source": "As it is."},
        ],
    })  # fmt: skip
    assert built.title == "Bears" and [title for *_, title in built.headings] == ["Bears"]
    assert built.text == (
        "# Bears\nThey *sleep*.\n\n```python\n# no heading\nprint(1)\n```\n\n```output\n1\n```\n\n"
        "```python\nx\n```\n\n```output\na b\n```\n\n```python\n1/0\n```\n\n"
        "```output\nZeroDivisionError: by zero\n```\n\nAs it is."
    )


def test_outputs_are_bounded_and_fences_hold() -> None:
    text = parse({"cells": [code("s = '```'", {"text": "log line\n" * 9_000})]}).text
    assert len(text) < 2_200 and text.endswith("…\n```")
    assert text.startswith("````\ns = '```'\n````")


def test_a_cell_that_leaves_code_or_a_comment_open_ends_it() -> None:
    sources = [
        "# One\n```python\n# none\n",
        "# Two\n1. ~~~~\n   x",
        "<!-- note",
        "$$\na",
        "## \\*Three",
    ]
    built = parse({"cells": [{"cell_type": "markdown", "source": one} for one in sources]})
    assert [title for *_, title in built.headings] == ["One", "Two", "*Three"]
    assert built.text == (
        "# One\n```python\n# none\n```\n\n# Two\n1. ~~~~\nx\n~~~~\n\n<!-- note\n\n$$\na\n\n"
        "## *Three"
    )


def test_front_matter_is_that_of_the_first_cell_only() -> None:
    matter = "---\ntitle: Bees\n---\n"
    cells = [{"cell_type": "raw", "source": matter}, {"cell_type": "raw", "source": matter}]
    built = parse({"cells": [*cells, code("x")]})
    assert built.title == "Bees"
    assert built.text == "---\ntitle: Bees\n---\n\n```\nx\n```"


def test_a_notebook_of_the_third_version_is_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Old"},
        {"cell_type": "code", "input": "y"},
    ]
    built = parse({"worksheets": [{"cells": cells}]})
    assert built.text == "## Old\n\n```\ny\n```" and built.headings


@pytest.mark.parametrize("book", [[], {}, {"cells": [1, None, {"source": {"a": 1}}]}, "x", None])
def test_what_has_no_cells_has_no_text(book: Any) -> None:
    with pytest.raises(UnreadableSource, match="no text"):
        parse(book)


def test_what_is_no_notebook_is_refused_in_words() -> None:
    with pytest.raises(UnreadableSource, match="not a valid notebook: line 2"):
        parse_bytes(b'{"cells":\n nope', Hints("a.ipynb"), ContentLimits())
    with pytest.raises(UnreadableSource, match="more than 2 cells"):
        parse({"cells": [code("x")] * 3}, rows=2)
