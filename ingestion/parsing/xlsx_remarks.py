"""Remarks on the cells of a sheet: notes of old, and comments with their answers."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingestion.parsing.ooxml import below, value_of
from ingestion.parsing.safe_zip import SafeArchive

# What Excel writes for its older versions where a comment has answers.
_FOR_OLDER = "[Threaded comment]"


def notes(root: etree._Element, *, threaded: bool = False) -> Iterator[str]:
    """What the comments below ``root`` say; where they are ``threaded`` too, only what is not."""
    authors = ["".join(one.itertext()) for one in below(root, "author")]
    for note in below(root, "comment"):
        number = value_of(note, "authorId")
        known = number.isdecimal() and len(number) < 9 and int(number) < len(authors)
        text = "".join(one.text or "" for one in below(note, "t"))
        if not (threaded and text.startswith(_FOR_OLDER)):
            yield _told(value_of(note, "ref"), authors[int(number)] if known else "", text)


def threads(root: etree._Element, people: dict[str, str]) -> Iterator[str]:
    """What threaded comments below ``root`` say, with the names of ``people`` by their ids."""
    for one in below(root, "threadedComment"):
        text = "".join(each.text or "" for each in below(one, "text"))
        yield _told(value_of(one, "ref"), people.get(value_of(one, "personId"), ""), text)


def people_of(archive: SafeArchive) -> dict[str, str]:
    """Ids to names of those who wrote threaded comments."""
    parts = [name for name in archive.names() if name.startswith("xl/persons/")]
    roots = (archive.tree_beside(part) for part in parts)
    found = (one for root in roots if root is not None for one in below(root, "person"))
    return {value_of(one, "id"): value_of(one, "displayName") for one in found}


def _told(place: str, author: str, text: str) -> str:
    """The words with their place and author; many notes begin with the author already."""
    author = author.strip()
    named = author and not author.startswith("tc={") and not text.lstrip().startswith(author)
    return f"Comment on {place}{f' by {author}' if named else ''}: {text}" if text.strip() else ""
