"""Bytes of any supported kind to a document. Runs in the child."""

from __future__ import annotations

from ingestion.parsing.decode import decode
from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.docx import parse_docx
from ingestion.parsing.html import parse_html
from ingestion.parsing.markdown import parse_markdown, parse_text
from ingestion.parsing.pdf import parse_pdf
from ingestion.parsing.sniff import detect
from minirag.errors import UnreadableSource


def parse_bytes(data: bytes, hints: Hints, limits: ContentLimits) -> Built:
    """Parse by detected kind. Raises ``UnreadableSource`` with words for the uploader."""
    built = _parse(data, hints, limits)
    if not built.text:
        raise UnreadableSource("There is no text in it.")
    return built


def _parse(data: bytes, hints: Hints, limits: ContentLimits) -> Built:
    match detect(data, hints):
        case "pdf":
            return parse_pdf(data)
        case "docx":
            return parse_docx(data, limits)
        case "html":
            return parse_html(decode(data, markup=True), hints.url)
        case "markdown":
            return parse_markdown(decode(data))
        case "text":
            return parse_text(decode(data))
