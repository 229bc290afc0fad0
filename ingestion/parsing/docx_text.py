"""Words of a DOCX paragraph as Word shows them: nothing hidden, deleted, or the code of a field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from ingestion.parsing.docx_styles import Styles, is_on
from ingestion.parsing.ooxml import local_name, outermost, value_of

# Alternatives repeat the text; deletions, field codes and moved-away text are not shown.
UNSEEN = frozenset({"Fallback", "del", "moveFrom", "instrText", "delText", "delInstrText"})
_BREAKS = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-", "ptab": "\t"}
_WITHOUT = UNSEEN | {"txbxContent", "pPr", "rPr"}
REFERENCES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


@dataclass(slots=True)
class Words:
    """Texts of paragraphs. ``notes`` by their kinds and ids are written where they belong."""

    styles: Styles
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)

    def of(self, paragraph: etree._Element, *, noted: bool = True) -> str:
        """The text as shown, without its text boxes; its notes in brackets where ``noted``."""
        style = next((value_of(one) for one in _facts(paragraph, "pPr", "pStyle")), "")
        return "".join(self._runs(paragraph, bool(self.styles.hides(style)), noted))

    def notes_of(self, paragraph: etree._Element) -> list[str]:
        return [text for one in paragraph.iter(etree.Element) if (text := self._note(one))]

    def left(self) -> list[str]:
        """Notes that nothing refers to."""
        return [text for key, text in self.notes.items() if key not in self.used]

    def _runs(self, element: etree._Element, hidden: bool, noted: bool) -> Iterator[str]:
        for child in element:
            name = local_name(child)
            if name == "t":
                yield child.text or ""
            elif name in _BREAKS:
                yield _BREAKS[name]
            elif name == "sym":
                yield " "
            elif name == "r":
                if not self._is_hidden(child, hidden):
                    yield from self._runs(child, False, noted)
            elif name in REFERENCES:
                note = self._note(child) if noted else ""
                yield f" [{note}]" if note else ""
            elif name not in _WITHOUT:
                yield from self._runs(child, hidden, noted)

    def _is_hidden(self, run: etree._Element, otherwise: bool) -> bool:
        """Word shows and prints nothing of it: by itself, by its style, or by its paragraph's."""
        for one in _facts(run, "rPr", "vanish"):
            return is_on(one)
        for one in _facts(run, "rPr", "rStyle"):
            said = self.styles.hides(value_of(one))
            return otherwise if said is None else said
        return otherwise

    def _note(self, element: etree._Element) -> str:
        key = (REFERENCES.get(local_name(element), ""), value_of(element, "id"))
        if key in self.used or key not in self.notes:
            return ""  # a file may refer to one as often as it likes
        self.used.add(key)
        return self.notes[key]


def boxes(element: etree._Element) -> Iterator[etree._Element]:
    """Outermost text boxes below ``element``, each once."""
    return outermost(element, "txbxContent", UNSEEN)


def _facts(element: etree._Element, properties: str, name: str) -> Iterator[etree._Element]:
    found = (one for one in element if local_name(one) == properties)
    return (one for each in found for one in each if local_name(one) == name)
