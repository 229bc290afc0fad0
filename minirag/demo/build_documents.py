"""Write the demo's HTML, PDF and DOCX documents from their Markdown sources.

``python -m minirag.demo.build_documents [FOLDER]``. Needs fpdf2 and python-docx, which are
development tools only: the documents are kept in the tree, and the running demo just reads them.
The same sources give the same bytes, which a test holds.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from minirag.demo.builders.blocks import parse_blocks
from minirag.demo.builders.to_docx import render_docx
from minirag.demo.builders.to_html import render_html
from minirag.demo.builders.to_pdf import render_pdf

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
DOCUMENTS = HERE / "documents"
# The edition's date, in the files' properties; a real clock would change the bytes at each run.
EDITION = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)

# Markdown source to document, relative to ``SOURCES`` and ``DOCUMENTS``.
TARGETS = {
    "expenses-and-travel.md": "handbook/expenses-and-travel.docx",
    "products.md": "product/products.html",
    "warranty-and-returns.md": "product/warranty-and-returns.html",
    "support-faq.md": "product/support-faq.html",
    "shops-and-opening-hours.md": "product/shops-and-opening-hours.html",
    "service-manual.md": "product/service-manual.pdf",
}


def render(source: Path, target: str) -> bytes:
    """The bytes of the document that ``source`` becomes; the kind follows from the suffix."""
    blocks = parse_blocks(source.read_text(encoding="utf-8"))
    match Path(target).suffix:
        case ".html":
            return render_html(blocks, slug=source.stem)
        case ".docx":
            return render_docx(blocks, EDITION)
        case ".pdf":
            return render_pdf(blocks, EDITION)
        case suffix:
            raise ValueError(f"No renderer for {suffix!r}.")


def build(folder: Path = DOCUMENTS) -> list[Path]:
    """Write every document of ``TARGETS`` below ``folder``; returns their paths."""
    written = []
    for source, target in TARGETS.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(render(SOURCES / source, target))
        written.append(path)
    return written


if __name__ == "__main__":
    for path in build(*map(Path, sys.argv[1:2])):
        sys.stdout.write(f"{path}\n")
