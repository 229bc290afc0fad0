"""Numbers of a DOCX's lists and headings: Word counts them, the file only says how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from ingestion.parsing.ooxml import below, local_name, value_of, whole
from ingestion.parsing.ordinals import written
from ingestion.parsing.safe_zip import SafeArchive

BULLET = "-"
_PLACE = re.compile(r"%([1-9])")
_LONGEST = 30


@dataclass(slots=True)
class _Level:
    start: int = 1
    kind: str = "decimal"
    text: str = ""
    style: str = ""


@dataclass(slots=True)
class _List:
    """Levels of a list and how far each is counted. Several names may stand for one list."""

    levels: dict[int, _Level] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)


class Lists:
    def __init__(self) -> None:
        self._lists: dict[str, _List] = {}
        self._restarts: dict[str, dict[int, int]] = {}

    def label(self, list_id: str, level: str | None, style: str) -> str:
        """Count an item, and say what Word writes before it: ``2.``, ``b)``, or ``BULLET``."""
        known = self._lists.get(list_id)
        if known is None:
            return BULLET
        linked = next((at for at, one in known.levels.items() if style and one.style == style), 0)
        place = int(level) if level and level.isdecimal() and len(level) < 3 else linked
        for at, start in self._restarts.pop(list_id, {}).items():
            known.counts[at] = start - 1
        found = known.levels.get(place, _Level(kind="bullet"))
        known.counts[place] = known.counts.get(place, found.start - 1) + 1
        for deeper in [one for one in known.counts if one > place]:
            del known.counts[deeper]
        if found.kind == "bullet":
            return BULLET
        return _PLACE.sub(lambda one: self._counted(known, int(one[1]) - 1), found.text).strip()

    def _counted(self, known: _List, level: int) -> str:
        found = known.levels.get(level, _Level())
        return written(known.counts.get(level, found.start), found.kind)

    def read(self, archive: SafeArchive, part: str) -> Lists:
        """Learn the lists of the document. Raises ``UnreadableSource``."""
        if part not in archive:
            return self
        root = archive.tree(part)
        models = {
            value_of(one, "abstractNumId"): _List(_levels(one))
            for one in root.iterchildren(etree.Element)
            if local_name(one) == "abstractNum"
        }
        for one in root.iterchildren(etree.Element):
            if local_name(one) != "num":
                continue
            model = next((value_of(each) for each in below(one, "abstractNumId")), "")
            overrides = list(below(one, "lvlOverride"))
            known = models.get(model, _List())
            changed = {at: lvl for each in overrides for at, lvl in _levels(each).items()}
            if changed:
                known = _List(known.levels | changed)
            self._lists[value_of(one, "numId")] = known
            starts = {
                whole(value_of(each, "ilvl"), 0): whole(value_of(start), 1)
                for each in overrides
                for start in below(each, "startOverride")
            }
            if starts:
                self._restarts[value_of(one, "numId")] = starts
        return self


def _levels(element: etree._Element) -> dict[int, _Level]:
    levels = {}
    for one in below(element, "lvl"):
        facts = {local_name(item): value_of(item) for item in one.iterchildren(etree.Element)}
        levels[whole(value_of(one, "ilvl"), 0)] = _Level(
            whole(facts.get("start", ""), 1),
            facts.get("numFmt", "decimal"),
            facts.get("lvlText", "")[:_LONGEST],
            facts.get("pStyle", ""),
        )
    return levels
