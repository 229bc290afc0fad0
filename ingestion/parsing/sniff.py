"""Which parser: by the content first, then what was declared, then the name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from ingestion.parsing.decode import looks_binary
from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.safe_zip import LOCKED, SafeArchive
from minirag.errors import UnreadableSource
from minirag.formats import SUPPORTED, Kind, kind_of_mime, kind_of_suffix

_CONTAINERS: frozenset[Kind] = frozenset({"docx", "pptx", "xlsx", "odt", "epub", "zip"})
# What is written in them may well begin as a web page does.
_WRITTEN: frozenset[Kind] = frozenset({"text", "markdown", "rst", "code", "eml", "csv", "tsv"})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_VISIBLE = re.compile(rb"[^\0 \t\r\n]")
_PDF_START = re.compile(rb"[\xef\xbb\xbf \t\r\n\0]*%PDF-")
_MAIL_START = re.compile(
    rb"(?:(?:From|To|Received|Return-Path|Message-ID|MIME-Version|Delivered-To|Subject|Date)"
    rb":[^\n]*\n(?:[ \t][^\n]*\n)*){3}",
    re.IGNORECASE,
)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_OLD_OFFICE = (
    ("WordDocument", "This is an old Word document: save it as DOCX."),
    ("PowerPoint Document", "This is an old PowerPoint file: save it as PPTX."),
    ("Workbook", "This is an old Excel workbook: save it as XLSX."),
    ("__substg1.0", "This is an Outlook message: save it as EML."),
)
_KNOWN_OTHERS = (
    (b"{\\rtf", "This is an RTF document: save it as DOCX."),
    (b"\x89PNG", "This is an image: text in images is not read."),
    (b"\xff\xd8\xff", "This is an image: text in images is not read."),
    (b"GIF8", "This is an image: text in images is not read."),
    (b"\x1f\x8b", "This is a packed file: unpack it, or use a zip archive."),
    (b"7z\xbc\xaf", "This is a packed file: unpack it, or use a zip archive."),
    (b"Rar!", "This is a packed file: unpack it, or use a zip archive."),
)


def detect(data: bytes, hints: Hints, limits: ContentLimits | None = None) -> Kind:
    """Kind of ``data``. Raises ``UnreadableSource`` with what is wrong, or what would be read."""
    if not _VISIBLE.search(data):
        raise UnreadableSource("There is no text in it: the file is empty.")
    named = _named(hints)
    if _is_pdf(data, named):
        return "pdf"
    if data.startswith(_OLE):
        raise UnreadableSource(_ole_words(data))
    if data.startswith(_ZIP):
        return _zip_kind(data, limits or ContentLimits())
    for start, words in _KNOWN_OTHERS:
        if data.startswith(start):
            raise UnreadableSource(words)
    is_page = _HTML_START.match(data[:4096]) is not None
    if named in _CONTAINERS or (named == "pdf" and not is_page):
        what = "a PDF" if named == "pdf" else f"a {str(named).upper()} file"
        raise UnreadableSource(f"This is not {what}, although it is named as one.")
    if looks_binary(_header(data) if named == "eml" else data):
        raise unsupported()
    if is_page and named not in _WRITTEN - {"text"}:
        return "html" if _suffix(hints) != ".txt" else "text"
    return named or _unnamed(data, hints)


def _header(mail: bytes) -> bytes:
    """What stands before the parts of a mail: each of those is in an encoding of its own."""
    end = _HEADER_END.search(mail)
    return mail[: end.start()] if end else mail


def unsupported() -> UnreadableSource:
    return UnreadableSource(f"This type of file cannot be read. Supported are {SUPPORTED}.")


def _is_pdf(data: bytes, named: Kind | None) -> bool:
    """Readers allow some rubbish before the mark; a text that speaks of the mark is no PDF."""
    if _PDF_START.match(data):
        return True
    return b"%PDF-" in data[:1024] and (named == "pdf" or looks_binary(data) or b"endobj" in data)


def _named(hints: Hints) -> Kind | None:
    """What type and name say. A type of plain text says little beside a name that says more."""
    by_mime = kind_of_mime(hints.mime_type)
    by_name = kind_of_suffix(_suffix(hints))
    if by_mime in (None, "text"):
        return by_name or (by_mime if not _suffix(hints) else None)
    return by_mime


def _unnamed(data: bytes, hints: Hints) -> Kind:
    if _suffix(hints):
        raise unsupported()
    if _MAIL_START.match(data[:16_384].replace(b"\r\n", b"\n")):
        return "eml"
    try:
        data[:65_536].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < 65_530:  # else a letter is cut in two
            raise unsupported() from error
    return "text"


def _suffix(hints: Hints) -> str:
    path = urlsplit(hints.key).path if hints.key.startswith(("http:", "https:")) else hints.key
    suffix = PurePosixPath(path).suffix.lower()
    # A page at /docs/v1.2 has no type in its name.
    return "" if hints.url and kind_of_suffix(suffix) is None else suffix


def _zip_kind(data: bytes, limits: ContentLimits) -> Kind:
    archive = SafeArchive(data, limits)
    names = archive.names()
    if "mimetype" in names:
        declared = archive.start("mimetype", 100).strip()
        if declared == b"application/epub+zip":
            return "epub"
        if declared.startswith(b"application/vnd.oasis.opendocument.text"):
            return "odt"
    found: tuple[tuple[str, Kind], ...] = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
    for folder, kind in found:
        if any(name.startswith(folder) and name.endswith(".xml") for name in names):
            return kind
    if "meta-inf/container.xml" in names:
        return "epub"
    if "[content_types].xml" in names or "mimetype" in names:
        raise unsupported()
    return "zip"


def _ole_words(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return f"{LOCKED} Passwords open PDF files and zip archives only: save it without one."
    for name, words in _OLD_OFFICE:
        if name.encode("utf-16-le") in data:
            return words
    return f"This is an old Office format. Save it anew; supported are {SUPPORTED}."
