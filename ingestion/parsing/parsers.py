"""Bytes of any supported kind to a document. Runs in the child."""

from __future__ import annotations

from ingestion.parsing.code import parse_code
from ingestion.parsing.decode import decode, decode_pieces
from ingestion.parsing.delimited import parse_delimited
from ingestion.parsing.document import Built, ContentLimits, Hints, with_fewer_headings
from ingestion.parsing.docx import parse_docx
from ingestion.parsing.eml import parse_eml
from ingestion.parsing.epub import parse_epub
from ingestion.parsing.html import parse_html
from ingestion.parsing.json_text import parse_json, parse_jsonl
from ingestion.parsing.markdown import parse_markdown, parse_text
from ingestion.parsing.notebook import parse_notebook
from ingestion.parsing.odt import parse_odt
from ingestion.parsing.pdf import parse_pdf
from ingestion.parsing.pptx import parse_pptx
from ingestion.parsing.rst import parse_rst
from ingestion.parsing.sniff import detect
from ingestion.parsing.xlsx import parse_xlsx
from minirag.errors import UnreadableSource
from minirag.formats import Kind


def parse_bytes(data: bytes, hints: Hints, limits: ContentLimits) -> Built:
    """Parse by detected kind. Raises ``UnreadableSource`` with words for the uploader."""
    kind = detect(data, hints, limits)
    built = _binary(kind, data, hints, limits) or _written(kind, data, hints, limits)
    if not built.text:
        raise UnreadableSource("There is no text in it.")
    return with_fewer_headings(built, limits.headings)


def _binary(kind: Kind, data: bytes, hints: Hints, limits: ContentLimits) -> Built | None:
    match kind:
        case "pdf":
            return parse_pdf(data, hints.password, limits)
        case "docx":
            return parse_docx(data, limits)
        case "pptx":
            return parse_pptx(data, limits)
        case "xlsx":
            return parse_xlsx(data, limits)
        case "odt":
            return parse_odt(data, limits)
        case "epub":
            return parse_epub(data, limits)
        case "eml":
            return parse_eml(data, hints, limits, parse_bytes)
        case "zip":
            raise UnreadableSource("This is an archive of files: name it .zip, to read those.")
        case _:
            return None


def _written(kind: Kind, data: bytes, hints: Hints, limits: ContentLimits) -> Built:
    match kind:
        case "text":
            return parse_text(decode_pieces(data))
        case "markdown":
            return parse_markdown(decode_pieces(data))
        case "code":
            return parse_code(decode_pieces(data), hints.key)
    text = decode(data, markup=kind == "html")
    match kind:
        case "html":
            return parse_html(text, hints.url)
        case "rst":
            return parse_rst(text)
        case "csv" | "tsv":
            return parse_delimited(text, limits, "\t" if kind == "tsv" else ",")
        case "json":
            return parse_json(text, limits)
        case "jsonl":
            return parse_jsonl(text, limits)
        case "notebook":
            return parse_notebook(text, limits)
        case _:
            raise AssertionError(kind)
