"""What stands outside a DOCX's main text: notes, and the headers and footers of pages."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingestion.parsing.docx_text import REFERENCES, UNSEEN, Words
from ingestion.parsing.ooxml import below, local_name, only_counts, relations, value_of
from ingestion.parsing.safe_zip import SafeArchive

_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_AROUND = ("header", "footer")


def read_notes(archive: SafeArchive, words: Words) -> None:
    """Learn the notes of the document. Raises ``UnreadableSource``."""
    for part in _NOTES:
        for event, element in archive.elements(part) if part in archive else ():
            if event != "end" or local_name(element) not in REFERENCES.values():
                continue
            texts = [words.of(one) for one in element.iter(etree.Element) if _is_shown(one)]
            text = " ".join(" ".join(texts).split())
            if text and not value_of(element, "type"):
                words.notes[local_name(element), value_of(element, "id")] = text
            element.clear(keep_tail=False)


def around(archive: SafeArchive, main: str, words: Words) -> Iterator[str]:
    """What stands above and below all pages of ``main``, once; their numbers are none of it."""
    seen: set[str] = set()
    for kind, part in relations(archive, main).values():
        if kind not in _AROUND or part not in archive:
            continue
        for element in archive.tree(part).iter(etree.Element):
            text = " ".join(words.of(element).split()) if _is_shown(element) else ""
            if text and text not in seen and not _is_number(element, text):
                yield text
            seen.add(text)


def _is_number(paragraph: etree._Element, text: str) -> bool:
    fields = below(paragraph, "instrText", "fldSimple")
    counts = any("PAGE" in (one.text or "") + value_of(one, "instr") for one in fields)
    return counts and only_counts(text)


def _is_shown(element: etree._Element) -> bool:
    outside = (local_name(one) for one in element.iterancestors())
    return local_name(element) == "p" and UNSEEN.isdisjoint(outside)
