"""The main content of a web page as a part of its tree.

Trafilatura says which words are content, and loses structure in saying so. So the smallest
container with those words is kept as it stands, and what in it shares none of them is dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from lxml import etree
from lxml.html import HtmlElement, tostring
from trafilatura import extract

_AROUND = ("nav", "dialog", "form", "header", "footer", "aside")
_AROUND_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "dialog"})
_WORD = re.compile(r"\w+")
# Share of the content's words that a container holds.
_SHARE = 0.9
# A list of links with fewer of the content's words is a menu.
_MENU = 0.1
_BLOCKS = ("ul", "ol", "div", "section", "table", "p")
# A block with fewer of its word pairs in the content is none of it, with more it is whole.
_FOREIGN, _OWN = 0.4, 0.95
# A container of fewer words has hardly anything around its content.
_SMALL = 150
# Where Trafilatura misses most.
_STRUCTURE = ("pre", "table", "h1")
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
# Of fewer words nothing is told.
_LEAST = 20


def prune_around(tree: HtmlElement) -> None:
    """Remove what is around content by element, role and visibility.

    Nothing that holds most of the page goes: some systems wrap a whole page in one form.
    """
    most = 0.5 * len(tree.text_content())
    for element in list(tree.iter(etree.Element)):
        if _is_around(element) and len(element.text_content()) < most:
            drop(element)


def content_words(tree: HtmlElement) -> list[str]:
    """Words that Trafilatura takes for content, in their order; of a whole page, menus and all."""
    # Its fallbacks find no more here (F1 .966 against .965) and keep 36 MB of stop words.
    found = extract(
        tostring(tree, encoding="unicode"), include_comments=False, include_tables=True, fast=True
    )
    return _WORD.findall((found or "").lower())


def main_content(root: HtmlElement, words: list[str]) -> HtmlElement:
    """The smallest container of ``words``, without the blocks in it that hold none of them."""
    if len(words) < _LEAST:
        return root
    wanted = Counter(words)
    container = root
    while (smaller := _holding(container, wanted)) is not None:
        container = smaller
    for element in list(_link_lists(container)):
        here = Counter(_WORD.findall(element.text_content().lower()))
        if (here & wanted).total() < _MENU * wanted.total():
            drop(element)
    known, pairs = set(words), set(pairwise(words))
    if len(_WORD.findall(container.text_content())) > _SMALL:
        _drop_foreign(container, known, pairs)
    return container


def drop(element: HtmlElement) -> None:
    """Take ``element`` out; the text behind it stays."""
    if element.getparent() is not None:
        element.drop_tree()


def _is_around(element: HtmlElement) -> bool:
    if element.get("role") in _AROUND_ROLES or element.get("aria-hidden") == "true":
        return True
    if element.get("hidden") is not None:
        return True
    if element.tag in ("header", "footer", "aside"):
        inside = any(parent.tag in ("article", "main") for parent in element.iterancestors())
        return not inside and element.find(".//h1") is None
    return element.tag in _AROUND


def _holding(container: HtmlElement, wanted: Counter[str]) -> HtmlElement | None:
    for child in container.iterchildren(etree.Element):
        words = Counter(_WORD.findall(child.text_content().lower()))
        if (words & wanted).total() >= _SHARE * wanted.total():
            return child
    return None


def _link_lists(container: HtmlElement) -> Iterator[HtmlElement]:
    """Menus that no element name gives away: at least five links and hardly a word beside them."""
    for element in container.iter(*_BLOCKS):
        if element is container or len(links := element.findall(".//a")) < 5:
            continue
        linked = sum(len(link.text_content().strip()) for link in links)
        if linked > 0.8 * max(1, len(element.text_content().strip())):
            yield element


def _drop_foreign(element: HtmlElement, known: set[str], pairs: set[tuple[str, str]]) -> None:
    """Top down: a block that is foreign as a whole goes, one that is mixed is looked into."""
    for child in list(element.iterchildren(etree.Element)):
        if child.tag in _STRUCTURE or _leads(child, known, pairs):
            continue
        share = _shared(_WORD.findall(child.text_content().lower()), known, pairs)
        if share >= _OWN:
            continue
        holds_structure = next(child.iter(*_STRUCTURE), None) is not None
        if share > _FOREIGN or holds_structure:
            _drop_foreign(child, known, pairs)
        else:
            drop(child)


def _leads(element: HtmlElement, known: set[str], pairs: set[tuple[str, str]]) -> bool:
    """Whether it heads a block that is content."""
    following = element.getnext() if element.tag in _HEADINGS else None
    if following is None:
        return False
    words = _WORD.findall(following.text_content().lower())
    return _shared(words, known, pairs) > _FOREIGN


def _shared(words: list[str], known: set[str], pairs: set[tuple[str, str]]) -> float:
    if len(words) < 2:
        return float(not words or words[0] in known)
    return sum(pair in pairs for pair in pairwise(words)) / (len(words) - 1)
