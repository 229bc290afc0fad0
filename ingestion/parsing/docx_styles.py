"""Styles of a DOCX: what a paragraph or a run takes over from those it is based on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from ingestion.parsing.ooxml import local_name, value_of
from ingestion.parsing.safe_zip import SafeArchive

_OFF = ("0", "false", "off")
_HEADING_NAME = re.compile(r"heading (\d)", re.IGNORECASE)
# Styles may be based on each other in a circle.
_LONGEST_CHAIN = 10


@dataclass(slots=True)
class Style:
    """None where the style says nothing. ``list_id`` is "0" where it takes a list away."""

    name: str = ""
    based_on: str = ""
    outline: int | None = None
    list_id: str | None = None
    list_level: str | None = None
    hidden: bool | None = None


class Styles:
    def __init__(self, known: dict[str, Style] | None = None) -> None:
        self._known = known or {}

    def name(self, style: str) -> str:
        return self._known.get(style, Style()).name.lower() or style.lower()

    def hides(self, style: str) -> bool | None:
        """Whether text in the style is not shown; None where it does not say."""
        said = (one.hidden for one in self._chain(style))
        return next((one for one in said if one is not None), None)

    def list_of(self, style: str) -> tuple[str | None, str | None]:
        """(list, level in it) of paragraphs in the style; each may be another style's word."""
        known = list(self._chain(style))
        list_id = next((one.list_id for one in known if one.list_id), None)
        return list_id, next((one.list_level for one in known if one.list_level), None)

    def heading_level(self, style: str) -> int:
        """0 where it is none of a heading."""
        if style not in self._known:
            found = _HEADING_NAME.fullmatch(re.sub(r"(\d)$", r" \1", style))
            return int(found[1]) if found else 0
        for one in self._chain(style):
            if found := _HEADING_NAME.fullmatch(one.name):
                return int(found[1])
            if one.outline is not None:
                return one.outline
        return 0

    def _chain(self, style: str) -> Iterator[Style]:
        for _ in range(_LONGEST_CHAIN):
            known = self._known.get(style)
            if known is None:
                return
            yield known
            style = known.based_on


def read_styles(archive: SafeArchive, part: str) -> Styles:
    known: dict[str, Style] = {}
    for event, element in archive.elements(part) if part in archive else ():
        if event == "end" and local_name(element) == "style":
            _fill(known.setdefault(value_of(element, "styleId"), Style()), element)
            element.clear()
    return Styles(known)


def _fill(style: Style, element: etree._Element) -> None:
    for item in element.iter(etree.Element):
        match local_name(item):
            case "name" if not style.name:
                style.name = value_of(item)
            case "basedOn":
                style.based_on = value_of(item)
            case "outlineLvl":
                style.outline = outline(value_of(item))
            case "numPr":
                style.list_id, style.list_level = list_place(item)
            case "vanish":
                style.hidden = is_on(item)


def outline(value: str) -> int | None:
    """Level 1 to 9 of an outline value 0 to 8; 9 means body text, level 0."""
    known = value.isdecimal() and int(value) <= 9
    return (int(value) + 1) % 10 if known else None


def list_place(element: etree._Element) -> tuple[str, str | None]:
    """(list, level in it) as a ``numPr`` names them; "" where that names no list."""
    found = {local_name(one): value_of(one) for one in element}
    return found.get("numId", ""), found.get("ilvl")


def is_on(element: etree._Element) -> bool:
    return value_of(element) not in _OFF
