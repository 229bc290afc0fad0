"""Raised and lowered characters of a web page, told apart in plain text: 10^6 is not 106."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

_SUFFIX = re.compile(r"[^\W\d_]{2,}\.?|[\u2122\u00ae\u00a9\u00ba\u00aa°*†‡]+")  # of 2nd, 1er, marks
_SIMPLE = re.compile(r"[+\-\u2212]?\w+(?:[.,]\w+)?")
_REFERENCE = re.compile(r"\d{1,3}(?:\s?[,\u2013-]\s?\d{1,3})*|[a-z]")
# Words are no base of a power; units and names of variables are.
_NO_BASE = re.compile(r"(?:[^\W\d_]{3}|[.,;:!?\"'\u201d\u2019])\Z")
_LONGEST = 60


def mark_raised(tree: HtmlElement) -> None:
    """Write powers as ``10^6``, marks of notes as ``[1]``, indices as ``H2O`` and ``101_2``."""
    for link in tree.iter("a"):
        is_note = "noteref" in (link.get("epub:type") or "") or link.get("role") == "doc-noteref"
        if is_note and len(link) == 0 and _REFERENCE.fullmatch(link.text or ""):
            link.text = f" [{link.text}]"
    for element in list(tree.iter("sup", "sub")):
        inside = element.text_content().strip()
        before = _before(element)[-3:]
        if inside and len(inside) <= _LONGEST and before.strip():
            opening, closing = _marks(element, inside, before)
            element.text = opening + (element.text or "").lstrip()
            if re.match(r"\w", element.tail or "") and closing != "]" and opening:
                closing += " "
            if closing:
                element.tail = closing + (element.tail or "")


def _marks(element: HtmlElement, inside: str, before: str) -> tuple[str, str]:
    """What to write before and behind it."""
    if before[-1].isspace() or inside.startswith(("[", "(")):
        return "", ""
    if element.tag == "sub":
        return ("_", "") if before[-1].isdigit() or not inside[0].isdigit() else ("", "")
    is_link = next(element.iter("a"), None) is not None or _parent_is_link(element)
    if _REFERENCE.fullmatch(inside) and (is_link or _NO_BASE.search(before)):
        return " [", "]"
    if _SUFFIX.fullmatch(inside) or (before[-1].isdigit() and inside.isalpha()):
        return "", ""
    return ("^", "") if _SIMPLE.fullmatch(inside) else ("^(", ")")


def _parent_is_link(element: HtmlElement) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == "a" and len(parent) == 1 and not parent.text


def _before(element: HtmlElement) -> str:
    """The text right before it, also where that ends in an element of its own."""
    other = element.getprevious()
    if other is None:
        parent = element.getparent()
        if parent is None:
            return ""
        return _before(parent) if _parent_is_link(element) else parent.text or ""
    while not other.tail and len(other):
        other = other[-1]
    return str(other.tail or other.text or "")
