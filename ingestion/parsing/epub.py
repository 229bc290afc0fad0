"""EPUB: the chapters in the order of the spine, each a page of HTML that is content as a whole."""

from __future__ import annotations

from posixpath import dirname, join, normpath
from urllib.parse import unquote

from ingestion.parsing.decode import decode
from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, clean_title
from ingestion.parsing.html import whole_page
from ingestion.parsing.ooxml import below, local_name, value_of
from ingestion.parsing.safe_zip import DAMAGED, SafeArchive
from minirag.errors import UnreadableSource

_PAGES = ("application/xhtml+xml", "text/html")


def parse_epub(data: bytes, limits: ContentLimits) -> Built:
    """Raises ``UnreadableSource``: damaged, locked by its publisher, a bomb, or with a DTD."""
    archive = SafeArchive(data, limits)
    package = _package(archive)
    chapters, title = _spine(archive, package)
    if len(chapters) > limits.pages:
        raise UnreadableSource(f"There are more than {limits.pages:,} chapters.")
    locked = _locked(archive)
    builder = DocumentBuilder()
    for part in dict.fromkeys(chapters):  # several may be places in one file
        if part in locked:
            raise UnreadableSource("The book is locked by its publisher and cannot be read.")
        if part in archive:
            builder.include(whole_page(decode(archive.read(part), markup=True)))
    return builder.build(title)


def _package(archive: SafeArchive) -> str:
    for file in below(archive.tree("META-INF/container.xml"), "rootfile"):
        path = normpath(value_of(file, "full-path")).lstrip("/")
        return path if path in archive else unquote(path)  # some write it as an address
    raise UnreadableSource(DAMAGED)


def _spine(archive: SafeArchive, package: str) -> tuple[list[str], str]:
    """(parts in reading order, title of the book)."""
    root = archive.tree(package)
    title = next((clean_title(one.text or "") for one in below(root, "title")), "")
    items = {
        value_of(one, "id"): normpath(join(dirname(package), _path(value_of(one, "href"))))
        for one in below(root, "item")
        if value_of(one, "media-type") in _PAGES
    }
    spine = [value_of(one, "idref") for one in below(root, "itemref")]
    # Pages that only links lead to, as notes may be; a table of contents is in the headings.
    others = [
        value_of(one, "id")
        for one in below(root, "item")
        if "nav" not in value_of(one, "properties").split()
    ]
    return [items[one] for one in dict.fromkeys([*spine, *others]) if one in items], title


def _path(address: str) -> str:
    """The file that ``address`` leads to, without a place in it."""
    return unquote(address.partition("#")[0].partition("?")[0])


def _locked(archive: SafeArchive) -> set[str]:
    """Parts that are encrypted; fonts often are, which locks nobody out."""
    name = "META-INF/encryption.xml"
    if name not in archive:
        return set()
    found = below(archive.tree(name), "CipherReference")
    return {normpath(unquote(value_of(one, "URI"))) for one in found if local_name(one)}
