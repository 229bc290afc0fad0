"""What stands below each element of a page, in numbers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate, pairwise

from lxml import etree
from lxml.html import HtmlElement

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Sums:
    """Running sums over the page: words, letters, letters of links, links."""

    words: int
    letters: int
    linked: int
    links: int


class Survey:
    """Words, links and the share of ``content`` (words in their order) below each element.

    One walk gathers running sums; each question is then a difference of two of them. So a page
    takes time by its length, however deeply it nests. It stays true of elements that are still in
    the tree while others are dropped.
    """

    def __init__(self, root: HtmlElement, content: list[str]) -> None:
        self._spans: dict[HtmlElement, tuple[_Sums, _Sums]] = {}
        self._words: list[str] = []
        self._letters = self._linked = self._links = 0
        self._walk(root)
        self.wanted = Counter(content)
        pairs = set(pairwise(content))
        found = (pair in pairs for pair in pairwise(self._words))
        self._found = list(accumulate(found, initial=0))

    def words(self, element: HtmlElement) -> int:
        start, end = self._spans[element]
        return end.words - start.words

    def links(self, element: HtmlElement) -> int:
        """Links in it, itself included."""
        start, end = self._spans[element]
        return end.links - start.links

    def linked(self, element: HtmlElement) -> float:
        """The links' share of its letters."""
        start, end = self._spans[element]
        return (end.linked - start.linked) / max(1, end.letters - start.letters)

    def pairs(self, element: HtmlElement) -> int:
        """Word pairs of the content in it."""
        start, end = self._spans[element]
        return self._found[end.words - 1] - self._found[start.words] if self._many(element) else 0

    def shared(self, element: HtmlElement) -> float:
        """The share of its word pairs that are content's; of a single word, whether it is one."""
        if self._many(element):
            return self.pairs(element) / (self.words(element) - 1)
        start, end = self._spans[element]
        return float(all(word in self.wanted for word in self._words[start.words : end.words]))

    def counted(self, element: HtmlElement) -> Counter[str]:
        """Its words."""
        start, end = self._spans[element]
        return Counter(self._words[start.words : end.words])

    def counted_around(self, outer: HtmlElement, inner: HtmlElement) -> Counter[str]:
        """Words of ``outer`` that are not in ``inner``, an element of it."""
        start, end = self._spans[outer]
        begin, stop = self._spans[inner]
        before = self._words[start.words : begin.words]
        return Counter(before + self._words[stop.words : end.words])

    def _many(self, element: HtmlElement) -> bool:
        return self.words(element) > 1

    def _walk(self, root: HtmlElement) -> None:
        starts: list[_Sums] = []
        inside = 0
        for event, element in etree.iterwalk(root, events=("start", "end")):
            step = int(element.tag == "a")
            if event == "start":
                starts.append(self._sums())
                inside += step
                self._links += step
                self._add(element.text, inside)
            else:
                inside -= step
                self._spans[element] = starts.pop(), self._sums()
                if element is not root:
                    self._add(element.tail, inside)

    def _sums(self) -> _Sums:
        return _Sums(len(self._words), self._letters, self._linked, self._links)

    def _add(self, text: str | None, inside: int) -> None:
        words = _WORD.findall((text or "").lower())
        letters = sum(map(len, words))
        self._words += words
        self._letters += letters
        self._linked += letters if inside else 0
