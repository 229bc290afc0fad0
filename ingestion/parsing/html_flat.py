"""Pages that are nested more deeply than a tree can be: their words, block by block.

Elements that are never closed nest too. A tree ends at such a depth and loses all that follows.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_INLINE = frozenset({
    "a", "abbr", "b", "big", "cite", "code", "em", "font", "i", "mark", "q", "s", "small", "span",
    "strike", "strong", "sub", "sup", "tt", "u",
})  # fmt: skip


def flat(markup: str) -> str:
    """``markup`` as a page of headings and paragraphs alone, one beside the other."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    reader.end_block()
    body = "".join(f"<{tag}>{escape(words)}</{tag}>\n" for tag, words in reader.blocks)
    return f"<html><head><title>{escape(reader.title)}</title></head><body>{body}</body></html>"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[str, str]] = []
        self.title = ""
        self._tag = "p"
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self.end_block()
            self._tag = tag if tag in _HEADINGS or tag == "title" else "p"

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self.end_block()

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # a script's or a style's
            self._words.append(data)

    def end_block(self) -> None:
        words = " ".join("".join(self._words).split())
        if self._tag == "title":
            self.title = self.title or words
        elif words:
            self.blocks.append((self._tag, words))
        self._tag, self._words = "p", []
