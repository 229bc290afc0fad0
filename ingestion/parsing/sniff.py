"""Which parser: by the content first, then what was declared, then the name."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from ingestion.parsing.decode import looks_binary
from ingestion.parsing.document import Hints
from minirag.errors import UnreadableSource

Kind = Literal["text", "markdown", "html", "pdf", "docx"]

# Kinds that are read by Python code alone.
PLAIN: frozenset[Kind] = frozenset({"text", "markdown"})
SUPPORTED = "txt, md, html, pdf and docx"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_BY_MIME: dict[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
}
_BY_SUFFIX: dict[str, Kind] = {
    ".txt": "text", ".text": "text", ".log": "text",
    ".md": "markdown", ".markdown": "markdown", ".mdown": "markdown", ".mkd": "markdown",
    ".html": "html", ".htm": "html", ".xhtml": "html",
}  # fmt: skip
_PDF_NAMES = ("application/pdf", ".pdf")
_DOCX_NAMES = (
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".docx",
)


def detect(data: bytes, hints: Hints) -> Kind:
    """Kind of ``data``. Raises ``UnreadableSource`` with what is wrong, or what would be read."""
    if not data.strip(b"\0 \t\r\n"):
        raise UnreadableSource("There is no text in it: the file is empty.")
    suffix, mime = _suffix(hints), hints.mime_type.partition(";")[0].strip().lower()
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_OLE):
        raise UnreadableSource(_ole_words(data))
    if data.startswith(b"PK\x03\x04"):
        return _zip_kind(data)
    if suffix in _DOCX_NAMES or mime in _DOCX_NAMES:
        raise UnreadableSource("This is not a DOCX file, although it is named as one.")
    if (suffix in _PDF_NAMES or mime in _PDF_NAMES) and not _HTML_START.match(data[:4096]):
        raise UnreadableSource("This is not a PDF, although it is named as one.")
    if looks_binary(data):
        raise unsupported()
    return _text_kind(data, suffix, mime)


def unsupported() -> UnreadableSource:
    return UnreadableSource(f"This type of file cannot be read. Supported are {SUPPORTED}.")


def _text_kind(data: bytes, suffix: str, mime: str) -> Kind:
    if _HTML_START.match(data[:4096]) and suffix not in (".txt", ".md"):
        return "html"
    kind = _BY_MIME.get(mime) or _BY_SUFFIX.get(suffix)
    if kind:
        return kind
    if mime == "text/plain" and suffix in ("", *_BY_SUFFIX):
        return "text"
    raise unsupported()


def _suffix(hints: Hints) -> str:
    path = urlsplit(hints.key).path if hints.key.startswith(("http:", "https:")) else hints.key
    # A page at /docs/v1.2 has no type in its name.
    suffix = PurePosixPath(path).suffix.lower()
    return "" if hints.url and suffix not in (*_BY_SUFFIX, ".pdf", ".docx") else suffix


def _zip_kind(data: bytes) -> Kind:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = {name.lower() for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableSource("The file is damaged: its container cannot be opened.") from error
    if any(name.startswith("word/") and name.endswith(".xml") for name in names):
        return "docx"
    raise unsupported()


def _ole_words(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "The document needs a password."
    return f"This is an old Office format. Save it anew; supported are {SUPPORTED}."
