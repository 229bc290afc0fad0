"""The main content of a web page as a part of its tree.

Trafilatura says which words are content. It loses structure in saying so, and much that is short:
lists, prices, captions. So what it leaves out is only suspected, and goes where it also is
something that stands around content.
"""

from __future__ import annotations

import re

from lxml import etree
from lxml.html import HtmlElement, tostring
from trafilatura import extract

from ingestion.parsing.html_around import drop, is_beside, is_chrome, is_landmark, leads_away
from ingestion.parsing.html_survey import Survey

_WORD = re.compile(r"\w+")
# Of fewer words nothing is told.
_LEAST = 20
# Share of the content's words that a container holds.
_SHARE = 0.9
# What is narrowed down to: a page is more than one of its paragraphs.
_CONTAINERS = ("div", "section", "table", "tbody", "tr", "td", "center", "form")
# Share of a container's words that narrowing may leave behind, those of blocks with links aside.
_LEFT = 0.1
_FEW_LINKS = 3
# A block with a smaller share of its word pairs in the content is foreign.
_FOREIGN = 0.4
# A box of fewer words that is named as none of the content goes though it was taken for that.
_BOX, _BOX_SHARE = 60, 0.2
# Boxes that are around a dated article unless they have one of these, in which all is kept.
_BOXES = ("div", "section", "figure", "aside", "span")
_LISTS = ("ul", "ol", "dl", "table", "pre")
_KEPT_WHOLE = (*_LISTS, "p", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6")


def content_words(tree: HtmlElement) -> list[str]:
    """Words that Trafilatura takes for content, in their order; of a whole page, menus and all."""
    # Its fallbacks find no more here (F1 .966 against .965) and keep 36 MB of stop words.
    found = extract(
        tostring(tree, encoding="unicode"), include_comments=False, include_tables=True, fast=True
    )
    return _WORD.findall((found or "").lower())


def main_content(root: HtmlElement, words: list[str], *, dated: bool = False) -> HtmlElement:
    """The container of ``words``, without what in it is there for something else.

    ``dated`` pages are articles that say so: Trafilatura was made for these, and is believed more.
    """
    if len(words) < _LEAST:
        return root
    survey = Survey(root, words)
    container = _marked(root, survey)
    if container is None:
        container = _narrowed(root, survey, limited=not dated)
    _drop_around(container, survey, dated=dated)
    return container


def _marked(root: HtmlElement, survey: Survey) -> HtmlElement | None:
    """The outermost element that the page itself marks as its content, if it is."""
    wanted = survey.wanted
    without: set[HtmlElement] = set()  # what holds too little has nothing in it that holds more
    for element in root.iter(etree.Element):
        if not is_landmark(element) or not without.isdisjoint(element.iterancestors()):
            continue
        if (survey.counted(element) & wanted).total() >= _SHARE * wanted.total():
            return element
        without.add(element)
    return None


def _narrowed(root: HtmlElement, survey: Survey, *, limited: bool) -> HtmlElement:
    """The smallest container of the content; where it is ``limited``, with what stands beside."""
    wanted, there = survey.wanted, survey.counted(root)
    held = (there & wanted).total()
    least = _SHARE * wanted.total()
    container = root
    while True:
        inner = [one for one in container.iterchildren(etree.Element) if one.tag in _CONTAINERS]
        child = max(inner, key=survey.pairs, default=None)
        if child is None or (limited and _left(container, child, survey) > _LEFT):
            return container
        for word, count in survey.counted_around(container, child).items():
            held -= min(there[word], wanted[word]) - min(there[word] - count, wanted[word])
            there[word] -= count
        if held < least:
            return container
        container = child


def _left(container: HtmlElement, child: HtmlElement, survey: Survey) -> float:
    """The share of the words of ``container`` that would be lost with all but ``child``."""
    left = survey.words(container) - survey.words(child)
    for other in container.iterchildren(etree.Element):
        if other is not child and (survey.links(other) >= _FEW_LINKS or is_chrome(other)):
            left -= survey.words(other)
    return left / max(1, survey.words(container))


def _drop_around(container: HtmlElement, survey: Survey, *, dated: bool) -> None:
    """Top down: what is around content goes as a whole, what stays is looked into."""
    small = min(_BOX, _BOX_SHARE * survey.words(container))
    looking = [(container, dated)]
    while looking:
        element, boxes = looking.pop()
        for child in list(element.iterchildren(etree.Element)):
            foreign = survey.shared(child) <= _FOREIGN
            around = foreign and (
                leads_away(child, survey.linked(child), survey.links(child))
                or (boxes and _beside_article(child))
            )
            if around or (is_chrome(child) and (foreign or survey.words(child) < small)):
                drop(child)
            else:
                looking.append((child, boxes and child.tag not in _KEPT_WHOLE))


def _beside_article(element: HtmlElement) -> bool:
    if is_beside(element):
        return True
    return element.tag in _BOXES and next(element.iter(*_LISTS, "h1"), None) is None
