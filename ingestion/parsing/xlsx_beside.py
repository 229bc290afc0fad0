"""What stands on a sheet beside its cells: remarks on them, text boxes and charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
        answered = False
        for root in self._new(kinds.get("threadedComment", ())):
            self._add(threads(root, self._people))
            answered = True
        for root in self._new(kinds.get("comments", ())):
            self._add(notes(root, threaded=answered))
        for part in kinds.get("drawing", ()):
            for root in self._new([part]):
                self._drawing(part, root)

    def add_left(self) -> None:
        """Add what no sheet names."""
        for name in self._archive.names():
            if _CHART.match(name) and self._is_new(name):
                self._chart(name)
            elif _COMMENTS.match(name):
                for root in self._new([name]):
                    self._add(notes(root))

    def _add(self, remarks: Iterable[str]) -> None:
        for words in remarks:
            self._builder.block(words)

    def _new(self, parts: Iterable[str]) -> Iterator[etree._Element]:
        """The trees of those ``parts`` that were not seen yet and are whole."""
        for part in parts:
            root = self._archive.tree_beside(part) if self._is_new(part) else None
            if root is not None:
                yield root

    def _is_new(self, part: str) -> bool:
        part = part.lower()
        if part in self._seen or part not in self._archive:
            return False
        self._seen.add(part)
        return True

    def _drawing(self, part: str, root: etree._Element) -> None:
        known = relations(self._archive, part)
        for shape in _shapes(root):
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
