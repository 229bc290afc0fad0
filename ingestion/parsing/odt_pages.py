"""What stands above and below the pages of an ODT: headers and footers of its page styles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lxml import etree

from ingestion.parsing.odt_lists import styles_of
from ingestion.parsing.ooxml import below, local_name, only_counts, value_of

_AROUND = frozenset(
    {"header", "header-left", "header-first", "footer", "footer-left", "footer-first"}
)
_COUNTS = ("page-number", "page-count", "page-continuation")
_USUAL = "Standard"


def around(
    styles: etree._Element,
    content: etree._Element,
    words: Callable[[etree._Element], Iterator[tuple[etree._Element, str]]],
) -> Iterator[str]:
    """The texts around the pages that are in use, each once; their numbers are none of it.

    ``words`` gives the paragraphs of an element with their texts.
    """
    seen: set[str] = set()
    for page in _in_use(styles, content):
        for part in page.iterchildren(etree.Element):
            if local_name(part) not in _AROUND or value_of(part, "display") == "false":
                continue
            for paragraph, text in words(part):
                text = " ".join(text.split())
                counts = next(below(paragraph, *_COUNTS), None) is not None
                if text and text not in seen and not (counts and only_counts(text)):
                    yield text
                seen.add(text)


def _in_use(styles: etree._Element, content: etree._Element) -> list[etree._Element]:
    """Page styles that some text begins, the usual one, and those that follow on them."""
    groups = (
        one for one in styles.iterchildren(etree.Element) if local_name(one) == "master-styles"
    )
    pages = {
        value_of(one, "name"): one
        for group in groups
        for one in group.iterchildren(etree.Element)
        if local_name(one) == "master-page"
    }
    asked = [
        value_of(one, "master-page-name") for root in (content, styles) for one in styles_of(root)
    ]
    asked += [_USUAL] if _USUAL in pages else list(pages)[:1]
    found: set[str] = set()
    while asked:
        name = asked.pop()
        if name in pages and name not in found:
            found.add(name)
            asked.append(value_of(pages[name], "next-style-name"))
    return [page for name, page in pages.items() if name in found]
