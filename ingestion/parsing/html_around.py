"""What stands around the content of a web page, told by what it is: element, role, name, links.

Short is not around: a list of three words may be what the page was opened for.
"""

from __future__ import annotations

import re

from lxml import etree
from lxml.html import HtmlElement

_AROUND = ("nav", "dialog", "form", "header", "footer", "aside")
_AROUND_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "dialog"})
_LANDMARKS = ("article", "main")
# Words of a class or id: of what no page is about; of what may be content (a menu of dishes, a
# share's price) unless it has links; of what newspapers put beside an article's text.
_CHROME = re.compile(
    r"(?<![\w-])(?:cookies?|comments?)(?![\w-])"
    r"|(?<![a-z])(?:cookie[-_ ]?(?:bar|banner|box|consent|info|law|message|notice|popup|warning)"
    r"|consent|gdpr|newsletters?|sign[-_ ]?up|subscri(?:be|ption)|paywall|bread[-_ ]?crumbs?"
    r"|outbrain|taboola|disqus|advert(?:s|isements?|ising)?"
    r"|comments?[-_ ]?(?:area|box|form|list|section|thread|wrapper))(?![a-z])"
)
_LINKING = re.compile(
    r"(?<![a-z])(?:nav(?:bar|igation)?|menus?|side[-_ ]?bar|rail|related|recirc(?:ulation)?"
    r"|recommend(?:ed|ations?)?|trending|popular|promos?|shar(?:e|ing)|social|tags?|topics?"
    r"|toolbar|pag(?:er|ination)|prev|next|more|teasers?|widget)(?![a-z])"
)
_BESIDE = re.compile(
    r"(?<![a-z])(?:by-?line|author|bio|meta|timestamp|date(?:line)?|published|posted|caption"
    r"|credit|figure|image|photo|embed|gallery|slide[-_ ]?show|carousel)(?![a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST_NAME = 500
# The links' share of a block's letters: where it is named so, and of any with several links.
_SOME, _MOST = 0.2, 0.5
_SEVERAL = 2
_ARTICLE = re.compile(r'"@type"\s{0,9}:\s{0,9}\[?\s{0,9}"(?:\w{0,30}Article|(?:Live)?BlogPosting)"')
_DATED = "//meta[contains(@property, 'published')] | //*[@itemprop='datePublished']"


def prune_around(tree: HtmlElement) -> None:
    """Remove what is around content by element, role and visibility.

    Nothing that holds most of the page goes: some systems wrap a whole page in one form.
    """
    most = 0.5 * len(tree.text_content())
    for element in list(tree.iter(etree.Element)):
        if _is_around(element) and len(element.text_content()) < most:
            drop(element)


def drop(element: HtmlElement) -> None:
    """Take ``element`` out; the text behind it stays."""
    if element.getparent() is not None:
        element.drop_tree()


def is_dated_article(tree: HtmlElement) -> bool:
    """Whether the page calls itself an article with a date: one of a newspaper, a magazine, a blog.

    By Open Graph (https://ogp.me) or schema.org, in the head or as JSON-LD.
    """
    if "article" in tree.xpath("//meta[@property='og:type']/@content") and tree.xpath(_DATED):
        return True
    said = (script.text or "" for script in tree.xpath("//script[@type='application/ld+json']"))
    return any('"datePublished"' in text and _ARTICLE.search(text) for text in said)


def is_landmark(element: HtmlElement) -> bool:
    """Whether the page says that this is its content, or a piece of it."""
    return element.tag in _LANDMARKS or element.get("role") == "main"


def is_chrome(element: HtmlElement) -> bool:
    """Whether its name is that of a cookie bar, a sign-up box, comments and the like."""
    return not is_landmark(element) and bool(_CHROME.search(_name(element)))


def leads_away(element: HtmlElement, linked: float, links: int) -> bool:
    """Whether it is there for its ``links``, which hold the share ``linked`` of its letters."""
    if linked > _MOST and links >= _SEVERAL:
        return True
    return linked > _SOME and bool(_LINKING.search(_name(element)))


def is_beside(element: HtmlElement) -> bool:
    """Whether its name is that of a byline, a caption or a gallery."""
    return bool(_BESIDE.search(_name(element)))


def _name(element: HtmlElement) -> str:
    name = f"{element.get('class') or ''} {element.get('id') or ''}"
    return _CAMEL.sub("-", name[:_LONGEST_NAME]).lower()


def _is_around(element: HtmlElement) -> bool:
    if element.get("role") in _AROUND_ROLES or element.get("aria-hidden") == "true":
        return True
    if element.get("hidden") is not None:
        return True
    if element.tag in ("header", "footer", "aside"):
        inside = any(map(is_landmark, element.iterancestors()))
        return not inside and element.find(".//h1") is None
    return element.tag in _AROUND
