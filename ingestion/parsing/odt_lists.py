"""Numbers of an ODT's lists and headings: they are counted where it is shown, not written in it.

OpenDocument 1.3 part 3, 5.3 and 16.31 to 16.35.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from ingestion.parsing.ooxml import local_name, value_of, whole
from ingestion.parsing.ordinals import written

BULLET = "-"
_KINDS = {
    "": "none", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
}  # fmt: skip
_LONGEST = 30
# Levels that a list may have numbers of.
_DEEPEST = 10
# Styles may be based on each other in a circle.
_LONGEST_CHAIN = 10


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    kind: str
    prefix: str
    suffix: str
    # How many levels stand in its number: 3 is that of 1.2.3.
    shown: int


_Levels = dict[int, _Level | None]  # None is one of bullets
_UNKNOWN = _Level(1, "decimal", "", "", 1)


@dataclass(slots=True)
class Item:
    """An item that is read: its first paragraph stands behind its label."""

    style: str
    levels: _Levels
    level: int
    counts: dict[int, int]
    start: int | None = None
    label: str | None = None

    def take(self) -> str:
        """What is to be written before a paragraph: nothing before all but the first."""
        self.count()
        label, self.label = self.label or "", ""
        return label

    def count(self) -> None:
        """Count the item, which one without a paragraph of its own is not."""
        if self.label is None:
            self.label = _counted(self.levels, self.level, self.counts, self.start)


@dataclass(slots=True)
class Lists:
    """How far each list is counted. Several elements may be one list that goes on."""

    styles: dict[str, _Levels] = field(default_factory=dict)
    outline: _Levels = field(default_factory=dict)
    _paragraphs: dict[str, etree._Element] = field(default_factory=dict)
    _headings: dict[int, int] = field(default_factory=dict)
    _last: dict[str, dict[int, int]] = field(default_factory=dict)
    _named: dict[str, dict[int, int]] = field(default_factory=dict)

    def items(
        self, element: etree._Element, outer: Item | None
    ) -> Iterator[tuple[etree._Element, Item]]:
        """The items of the list ``element``, each to be read before the next one is asked for."""
        style = value_of(element, "style-name") or (outer.style if outer else "")
        level = outer.level + 1 if outer else 1
        counts = outer.counts if outer else self._counts(element, style)
        if value_of(element, "continue-numbering") != "true" and not value_of(
            element, "continue-list"
        ):
            counts.pop(level, None)
        levels = self.styles.get(style, {})
        for child in element.iterchildren(etree.Element):
            if local_name(child) == "list-header":
                yield child, Item(style, levels, level, counts, label="")
            elif local_name(child) == "list-item":
                start = value_of(child, "start-value")
                yield child, Item(
                    style, levels, level, counts, whole(start, 1) if start else None,
                    _written_in(child) or None,
                )  # fmt: skip

    def heading(self, element: etree._Element, level: int) -> str:
        """Count a heading, and say what stands before it: ``2.1`` or nothing."""
        if value_of(element, "is-list-header") == "true":
            return ""
        if not self.outline or self._has_none(value_of(element, "style-name")):
            return ""
        again = value_of(element, "restart-numbering") == "true"
        start = whole(value_of(element, "start-value"), 1) if again else None
        return _written_in(element) or _counted(self.outline, level, self._headings, start)

    def learn(self, root: etree._Element) -> None:
        """Learn the styles of a part; those of one that is learned later win."""
        for one in styles_of(root):
            name = value_of(one, "name")
            match local_name(one):
                case "list-style":
                    self.styles[name] = _levels(one)
                case "outline-style":
                    self.outline = _levels(one)
                case "style" if value_of(one, "family") == "paragraph":
                    self._paragraphs[name] = one

    def _has_none(self, style: str) -> bool:
        """Whether paragraphs of the style are in no list: it says so, or one it is based on."""
        for _ in range(_LONGEST_CHAIN):
            known = self._paragraphs.get(style)
            if known is None:
                return False
            for key, value in known.attrib.items():
                if str(key).endswith("}list-style-name"):
                    return not value
            style = value_of(known, "parent-style-name")
        return False

    def _counts(self, element: etree._Element, style: str) -> dict[int, int]:
        """How far the list is that ``element`` begins or goes on with."""
        counts: dict[int, int] | None = None
        if other := value_of(element, "continue-list"):
            counts = self._named.get(other)
        elif value_of(element, "continue-numbering") == "true":
            counts = self._last.get(style)
        counts = {} if counts is None else counts
        self._last[style] = counts
        if name := value_of(element, "id"):
            self._named[name] = counts
        return counts


def styles_of(root: etree._Element) -> Iterator[etree._Element]:
    """The styles of a part, those that it made by itself too."""
    for group in root.iterchildren(etree.Element):
        if local_name(group) in ("styles", "automatic-styles"):
            yield from group.iterchildren(etree.Element)


def _levels(style: etree._Element) -> _Levels:
    levels: _Levels = {}
    for one in style.iterchildren(etree.Element):
        is_number = local_name(one) in ("list-level-style-number", "outline-level-style")
        kind = value_of(one, "num-format")
        levels[whole(value_of(one, "level"), 0)] = None if not is_number else _Level(
            whole(value_of(one, "start-value"), 1),
            _KINDS.get(kind, "decimal"),
            value_of(one, "num-prefix")[:_LONGEST],
            value_of(one, "num-suffix")[:_LONGEST],
            whole(value_of(one, "display-levels"), 1),
        )  # fmt: skip
    return levels


def _counted(levels: _Levels, level: int, counts: dict[int, int], start: int | None) -> str:
    """Count one more on ``level``, and write its number, or ``BULLET``."""
    found = levels.get(level)
    first = found.start if found else 1
    counts[level] = counts.get(level, first - 1) + 1 if start is None else start
    for deeper in [one for one in counts if one > level]:
        del counts[deeper]
    if found is None:
        return BULLET
    if found.kind == "none":
        return ""
    above = range(max(1, level - min(found.shown, _DEEPEST) + 1), level + 1)
    numbers = ".".join(filter(None, (_number(levels, one, counts) for one in above)))
    return f"{found.prefix}{numbers}{found.suffix}".strip()


def _number(levels: _Levels, level: int, counts: dict[int, int]) -> str:
    found = levels.get(level)
    return written(counts.get(level, found.start), found.kind) if found else ""


def _written_in(element: etree._Element) -> str:
    """The label where a writer left one for those who do not count."""
    children: Iterable[etree._Element] = element.iterchildren(etree.Element)
    found = next((one for one in children if local_name(one) == "number"), None)
    return "" if found is None else (found.text or "").strip()[:_LONGEST]
