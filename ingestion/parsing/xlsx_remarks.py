"""Remarks on the cells of a sheet: notes of old, and comments with their answers."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.parsing.ooxml import below, value_of
from ingestion.parsing.safe_zip import SafeArchive

# What Excel writes for its older versions where a comment has answers.
_FOR_OLDER = "[Threaded comment]"


def notes(archive: SafeArchive, part: str, *, threaded: bool = False) -> Iterator[str]:
    """What the comments of ``part`` say; where it is all ``threaded`` too, only what is not."""
    root = archive.tree(part)
    authors = ["".join(one.itertext()) for one in below(root, "author")]
    for note in below(root, "comment"):
        number = value_of(note, "authorId")
        known = number.isdecimal() and len(number) < 9 and int(number) < len(authors)
        text = "".join(one.text or "" for one in below(note, "t"))
        if not (threaded and text.startswith(_FOR_OLDER)):
            yield _told(value_of(note, "ref"), authors[int(number)] if known else "", text)


def threads(archive: SafeArchive, part: str, people: dict[str, str]) -> Iterator[str]:
    """What the threaded comments of ``part`` say, with the names of ``people`` by their ids."""
    for one in below(archive.tree(part), "threadedComment"):
        text = "".join(each.text or "" for each in below(one, "text"))
        yield _told(value_of(one, "ref"), people.get(value_of(one, "personId"), ""), text)


def people_of(archive: SafeArchive) -> dict[str, str]:
    """Ids to names of those who wrote threaded comments."""
    parts = [name for name in archive.names() if name.startswith("xl/persons/")]
    found = (one for part in parts for one in below(archive.tree(part), "person"))
    return {value_of(one, "id"): value_of(one, "displayName") for one in found}


def _told(place: str, author: str, text: str) -> str:
    """The words with their place and author; many notes begin with the author already."""
    author = author.strip()
    named = author and not author.startswith("tc={") and not text.lstrip().startswith(author)
    return f"Comment on {place}{f' by {author}' if named else ''}: {text}" if text.strip() else ""
