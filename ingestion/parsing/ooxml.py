"""What the Office formats share: relations between parts, local names, the core title, charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath

from lxml import etree

from ingestion.parsing.document import clean_title
from ingestion.parsing.number_formats import shown_text
from ingestion.parsing.safe_zip import SafeArchive

# Points of one chart that are told in full.
_MOST_POINTS = 1_000
# Longer ones are more than a number, and would give the pattern something to chew on.
_LONGEST_NUMBER = 60
# A page's number alone, whatever the language calls it: ``Version 2.1`` has no field for it.
_ONLY_NUMBER = re.compile(r"\W*(?:\w{1,8}\W{1,3})?\d{0,5}(?:\W{1,3}(?:\w{1,5}\W{1,3})?\d{0,5})?\W*")


def local_name(element: etree._Element) -> str:
    """A tag without its namespace: strict and transitional files differ in those."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value_of(element: etree._Element, name: str = "val") -> str:
    """An attribute by its local name."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def whole(value: str, otherwise: int) -> int:
    """The number that ``value`` is, where it is one of a few digits."""
    return int(value) if value.isdecimal() and len(value) < 7 else otherwise


def below(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Elements of these local names below ``element``, in their order."""
    return (one for one in element.iter(etree.Element) if local_name(one) in names)


def outermost(
    element: etree._Element, name: str, unseen: frozenset[str] = frozenset()
) -> Iterator[etree._Element]:
    """Elements of that local name below ``element``, not those inside them or what is unseen."""
    for child in element:
        found = local_name(child)
        if found == name:
            yield child
        elif found not in unseen:
            yield from outermost(child, name, unseen)


def only_counts(text: str) -> bool:
    """Whether a line with a page's number in it says nothing else."""
    return len(text) < _LONGEST_NUMBER and _ONLY_NUMBER.fullmatch(text) is not None


def relations(archive: SafeArchive, part: str) -> dict[str, tuple[str, str]]:
    """Relation id to (last word of its type, part) of ``part``; those to the outside are left."""
    rels = join(dirname(part), "_rels", part.rpartition("/")[2] + ".rels")
    if rels not in archive:
        return {}
    found = {}
    for event, element in archive.elements(rels):
        if event == "end" and value_of(element, "TargetMode") != "External":
            target = value_of(element, "Target")
            path = target if target.startswith("/") else join(dirname(part), target)
            kind = value_of(element, "Type").rpartition("/")[2]
            found[value_of(element, "Id")] = (kind, normpath(path).lstrip("/"))
    return found


def main_part(archive: SafeArchive, otherwise: str) -> str:
    """The part that holds the document itself."""
    known = relations(archive, "")
    return next((part for kind, part in known.values() if kind == "officeDocument"), otherwise)


def core_title(archive: SafeArchive) -> str:
    """The title that the file's properties name."""
    if "docProps/core.xml" not in archive:
        return ""
    for event, element in archive.elements("docProps/core.xml"):
        if event == "end" and local_name(element) == "title":
            return clean_title(element.text or "")
    return ""


def chart_rows(archive: SafeArchive, part: str) -> tuple[str, list[list[str]]]:
    """(title, rows) of a chart: its series as columns beside their categories.

    None of it where the part is damaged: it is a picture of numbers that mostly stand elsewhere.
    """
    root = archive.tree_beside(part)
    if root is None:
        return "", []
    title = next((_words(one) for one in below(root, "title")), "")
    columns: list[list[str]] = []
    for series in below(root, "ser"):
        parts = {local_name(child): child for child in series.iterchildren(etree.Element)}
        labels = parts.get("cat", parts.get("xVal"))
        values = parts.get("val", parts.get("yVal"))
        if not columns:
            columns.append(["", *_points(labels)])
        columns.append([_words(parts.get("tx")), *_points(values)])
    height = max((len(column) for column in columns), default=0)
    filled = [column + [""] * (height - len(column)) for column in columns]
    return title, [list(row) for row in zip(*filled, strict=True)]


def _points(element: etree._Element | None) -> list[str]:
    """What stands at each place of a series; groups of categories come before those in them."""
    if element is None:
        return []
    code = next((one.text or "" for one in below(element, "formatCode")), "")
    levels = list(below(element, "lvl")) or [element]
    columns = [_placed(level, code) for level in levels]
    height = min(_MOST_POINTS, 1 + max((max(one, default=-1) for one in columns), default=-1))
    points = []
    groups = [""] * len(columns)
    for place in range(height):
        for at, column in enumerate(columns):
            groups[at] = column.get(place, groups[at] if at else "")
        points.append(" ".join(one for one in reversed(groups) if one))
    return points


def _placed(level: etree._Element, code: str) -> dict[int, str]:
    """Places of points to what they show; most name theirs, all stand in its order."""
    found: dict[int, str] = {}
    for point in below(level, "pt"):
        place = value_of(point, "idx")
        at = int(place) if place.isdecimal() and len(place) < 9 else len(found)
        words = "".join(one.text or "" for one in below(point, "v"))
        found[at] = shown_text(words, value_of(point, "formatCode") or code)
    return found


def _words(element: etree._Element | None) -> str:
    if element is None:
        return ""
    return " ".join("".join(one.text or "" for one in below(element, "t", "v")).split())
