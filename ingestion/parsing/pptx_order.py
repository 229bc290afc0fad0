"""Shapes of a slide in the order in which they are read: by rows, in these by columns.

A file has them in the order in which they lie over each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml import etree

from ingestion.parsing.ooxml import below, local_name, relations, value_of
from ingestion.parsing.safe_zip import SafeArchive

# Left, top, right, bottom, in EMU.
Box = tuple[int, int, int, int]
# Parts of layouts to their placeholders' kinds and numbers, and where these stand.
Layouts = dict[str, dict[tuple[str, str], Box]]
_LAYOUTS = ("slideLayout", "slideMaster")
# What boxes may overlap and still be one above the other, of the smaller one's height.
_OVERLAP = 0.3


def read_order(
    shapes: Sequence[etree._Element], place: Callable[[etree._Element], Box | None]
) -> list[etree._Element]:
    """``shapes`` from the top left to the bottom right; as they are where a place is not known."""
    boxes = [place(shape) for shape in shapes]
    if any(box is None for box in boxes):
        return list(shapes)
    known = [(box, shape) for box, shape in zip(boxes, shapes, strict=True) if box is not None]
    columns = (column for row in _cut(known, 1) for column in _cut(row, 0))
    return [shape for column in columns for _, shape in sorted(column, key=lambda one: one[0][1])]


def _cut(
    shapes: list[tuple[Box, etree._Element]], axis: int
) -> list[list[tuple[Box, etree._Element]]]:
    """Groups of shapes along the axis (0 across, 1 down) that do not reach into each other."""
    groups: list[list[tuple[Box, etree._Element]]] = []
    start = end = 0
    for box, shape in sorted(shapes, key=lambda one: (one[0][axis], one[0][1 - axis])):
        size = box[axis + 2] - box[axis]
        if groups and box[axis] < end - _OVERLAP * min(size, end - start):
            groups[-1].append((box, shape))
            end = max(end, box[axis + 2])
        else:
            groups.append([(box, shape)])
            start, end = box[axis], box[axis + 2]
    return groups


class Places:
    """Where shapes of a slide stand; placeholders take theirs over from its layout and master.

    ``known``: what was read of those already, by their parts, for all slides of a file.
    """

    def __init__(self, archive: SafeArchive, slide: str, known: Layouts) -> None:
        self._by_kind: dict[str, Box] = {}
        self._by_number: dict[str, Box] = {}
        part = slide
        for layout in _LAYOUTS:
            found = relations(archive, part).values()
            part = next((to for name, to in found if name == layout), "")
            if part not in known:
                known[part] = _placeholders(archive, part)
            for (kind, number), box in known[part].items():
                self._by_kind.setdefault(kind, box)
                self._by_number.setdefault(number, box)

    def box(self, shape: etree._Element) -> Box | None:
        own = _own_box(shape)
        key = None if own else _placeholder(shape)
        if own or key is None:
            return own
        kind, number = key
        same = self._by_number.get(number) if number else None
        return same or self._by_kind.get(kind)


def _placeholders(archive: SafeArchive, part: str) -> dict[tuple[str, str], Box]:
    """Kinds and numbers of those of a layout to their places."""
    found: dict[tuple[str, str], Box] = {}
    for shape in below(archive.tree(part), "sp") if part in archive else ():
        if (key := _placeholder(shape)) and (box := _own_box(shape)):
            found.setdefault(key, box)
    return found


def _placeholder(shape: etree._Element) -> tuple[str, str] | None:
    for one in below(shape, "ph"):
        return value_of(one, "type") or "body", value_of(one, "idx")
    return None


def _own_box(shape: etree._Element) -> Box | None:
    for child in shape.iterchildren(etree.Element):
        inner = [child] if local_name(child) == "xfrm" else list(child.iterchildren(etree.Element))
        for form in inner:
            if local_name(form) == "xfrm":
                facts = {local_name(one): one for one in form.iterchildren(etree.Element)}
                if "off" in facts and "ext" in facts:
                    left, top = _number(facts["off"], "x"), _number(facts["off"], "y")
                    wide, high = _number(facts["ext"], "cx"), _number(facts["ext"], "cy")
                    return left, top, left + wide, top + high
    return None


def _number(element: etree._Element, name: str) -> int:
    value = value_of(element, name)
    return int(value) if value.lstrip("-").isdecimal() and len(value) < 15 else 0
