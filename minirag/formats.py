"""The one list of what can be read: kinds, file endings, media types, and the words for people.

Uploads are stored under these media types, the parsers find their kind by them, and every text that
names the formats is compared with ``SUPPORTED`` by a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import PurePosixPath
from typing import Literal

# The longest address that a row can hold, and a page's link may have.
LONGEST_URL = 2_048

# What is seen or heard and holds no text; a vector drawing is a picture too.
_MEDIA = ("image/", "audio/", "video/", "font/")

Kind = Literal[
    "text", "markdown", "rst", "html", "pdf", "docx", "pptx", "xlsx", "odt", "csv", "tsv",
    "json", "jsonl", "notebook", "epub", "eml", "code", "zip",
]  # fmt: skip

OCTETS = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True, slots=True)
class Format:
    """One kind. ``mime_type`` is what an upload is stored as, ``also`` what others call it."""

    kind: Kind
    suffixes: tuple[str, ...]
    mime_type: str
    also: tuple[str, ...] = ()


_CODE = (
    ".py .pyi .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .groovy .go .rs .c .h .cc .cpp "
    ".cxx .hh .hpp .cs .fs .vb .swift .m .php .rb .pl .pm .lua .r .jl .dart .ex .exs .erl .hs "
    ".clj .ml .sh .bash .zsh .ps1 .bat .sql .proto .graphql .css .scss .less .vue .svelte "
    ".yaml .yml .toml .ini .cfg .conf .properties .xml .xsd .tf .gradle .cmake .tex .diff .patch"
)

_CODE_TYPES = (
    "text/javascript", "application/javascript", "application/xml", "text/xml", "text/css",
    "application/yaml", "application/x-yaml", "application/toml", "text/x-python",
)  # fmt: skip

FORMATS: tuple[Format, ...] = (
    Format("text", (".txt", ".text", ".log"), "text/plain"),
    Format("markdown", (".md", ".markdown", ".mdown", ".mkd"), "text/markdown",
           ("text/x-markdown",)),
    Format("rst", (".rst", ".rest"), "text/x-rst", ("text/prs.fallenstein.rst",)),
    Format("html", (".html", ".htm", ".xhtml"), "text/html", ("application/xhtml+xml",)),
    Format("pdf", (".pdf",), "application/pdf", ("application/x-pdf",)),
    Format("docx", (".docx", ".docm"), f"{_OFFICE}.wordprocessingml.document"),
    Format("pptx", (".pptx", ".pptm", ".ppsx"), f"{_OFFICE}.presentationml.presentation"),
    Format("xlsx", (".xlsx", ".xlsm"), f"{_OFFICE}.spreadsheetml.sheet"),
    Format("odt", (".odt",), "application/vnd.oasis.opendocument.text"),
    Format("csv", (".csv",), "text/csv", ("application/csv",)),
    Format("tsv", (".tsv", ".tab"), "text/tab-separated-values"),
    Format("json", (".json", ".geojson"), "application/json", ("application/ld+json",)),
    Format("jsonl", (".jsonl", ".ndjson"), "application/jsonl", ("application/x-ndjson",)),
    Format("notebook", (".ipynb",), "application/x-ipynb+json"),
    Format("epub", (".epub",), "application/epub+zip"),
    Format("eml", (".eml",), "message/rfc822"),
    Format("code", tuple(_CODE.split()), "text/plain", _CODE_TYPES),
    Format("zip", (".zip",), "application/zip", ("application/x-zip-compressed",)),
)  # fmt: skip

SUPPORTED = (
    "txt, md, rst, html, pdf, docx, pptx, xlsx, odt, csv, tsv, json, jsonl, ipynb, epub, eml and "
    "source code"
)
# Kinds that are read line by line, by Python code alone.
PLAIN: frozenset[Kind] = frozenset({"text", "markdown", "rst", "code"})
# Media types that a browser never runs, also not when it is handed a file of that type.
HARMLESS = frozenset(
    one.mime_type for one in FORMATS if one.kind not in ("html", "eml", "epub", "zip")
)

_BY_SUFFIX = {suffix: one for one in FORMATS for suffix in one.suffixes}
# Of two formats with one type the first has it: plain text may be anything that is written.
_BY_MIME: dict[str, Kind] = {
    mime: one.kind for one in reversed(FORMATS) for mime in (one.mime_type, *one.also)
}
# The built-in table only: the machine's own files would make answers differ between machines.
_others = MimeTypes(filenames=())


def kind_of_suffix(suffix: str) -> Kind | None:
    """Kind by a file name's ending, ``.pdf``; None where it is not known."""
    found = _BY_SUFFIX.get(suffix.lower())
    return found.kind if found else None


def kind_of_mime(mime_type: str) -> Kind | None:
    """Kind by a media type, its parameters aside; None where it says nothing."""
    plain = mime_type.partition(";")[0].strip().lower()
    if found := _BY_MIME.get(plain):
        return found
    if plain.endswith("+json"):
        return "json"
    return "code" if plain.endswith("+xml") else None


def mime_type_of(name: str) -> str:
    """Media type by a name's ending only; octets where the ending is not known."""
    found = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    return found.mime_type if found else _others.guess_type(name, strict=True)[0] or OCTETS


def is_media(mime_type: str) -> bool:
    """Whether a media type is of pictures, sound, films or fonts."""
    return mime_type.lower().startswith(_MEDIA)
