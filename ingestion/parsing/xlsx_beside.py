"""What stands on a sheet beside its cells: remarks on them, text boxes and charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from lxml import etree

from ingestion.parsing.document import DocumentBuilder
from ingestion.parsing.ooxml import below, chart_rows, local_name, relations
from ingestion.parsing.safe_zip import SafeArchive
from ingestion.parsing.tables import add_table
from ingestion.parsing.xlsx_remarks import notes, people_of, threads

_CHART = re.compile(r"^xl/charts/chart[^/]*\.xml$")
_COMMENTS = re.compile(r"^xl/(?:comments[^/]*|comments/[^/]+)\.xml$")


class Beside:
    """Adds what is beside the cells of one sheet after the other, each part once."""

    def __init__(self, archive: SafeArchive, builder: DocumentBuilder) -> None:
        self._archive = archive
        self._builder = builder
        self._seen: set[str] = set()
        self._people = people_of(archive)

    def add(self, sheet: str) -> None:
        """Add what the sheet's part ``sheet`` names."""
        kinds: dict[str, list[str]] = {}
        for kind, part in relations(self._archive, sheet).values():
            kinds.setdefault(kind, []).append(part)
        answered = [part for part in kinds.get("threadedComment", ()) if self._is_new(part)]
        remarks = [threads(self._archive, part, self._people) for part in answered]
        for part in kinds.get("comments", ()):
            if self._is_new(part):
                remarks.append(notes(self._archive, part, threaded=bool(answered)))
        for words in chain(*remarks):
            self._builder.block(words)
        for part in kinds.get("drawing", ()):
            if self._is_new(part):
                self._drawing(part)

    def add_left(self) -> None:
        """Add what no sheet names."""
        for name in self._archive.names():
            if _CHART.match(name) and self._is_new(name):
                self._chart(name)
            elif _COMMENTS.match(name) and self._is_new(name):
                for words in notes(self._archive, name):
                    self._builder.block(words)

    def _is_new(self, part: str) -> bool:
        part = part.lower()
        if part in self._seen or part not in self._archive:
            return False
        self._seen.add(part)
        return True

    def _drawing(self, part: str) -> None:
        known = relations(self._archive, part)
        for shape in _shapes(self._archive.tree(part)):
            if local_name(shape) == "txBody":
                lines = ("".join(t.text or "" for t in below(p, "t")) for p in below(shape, "p"))
                self._builder.block("\n".join(lines))
                continue
            for value in shape.attrib.values():
                chart = known.get(str(value), ("", ""))[1]
                if chart and self._is_new(chart):
                    self._chart(chart)

    def _chart(self, part: str) -> None:
        title, rows = chart_rows(self._archive, part)
        self._builder.block(title)
        add_table(self._builder, rows, header=True)


def _shapes(element: etree._Element) -> Iterator[etree._Element]:
    """Texts and charts of a drawing; an alternative to another form is none."""
    for child in element.iterchildren(etree.Element):
        name = local_name(child)
        if name in ("txBody", "chart"):
            yield child
        elif name != "Fallback":
            yield from _shapes(child)
