"""Running titles and page numbers: lines of a PDF that belong to its paper."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

# Lines at a page's edge that stand on most pages, their numbers aside: titles, page numbers.
_EDGE_LINES = 2
_FURNITURE_PAGES = 3
_FURNITURE_SHARE = 0.6
_MOST_NUMBERS = 4
_LONGEST_TITLE = 120
_LONGEST_NUMBER = 6
_PAGE_NAMES = frozenset({
    "page", "pages", "pg", "p", "seite", "blatt", "página", "pagina", "pág", "strona", "str",
    "sida", "side", "страница", "стр",
})  # fmt: skip
_PAGE_WORDS = _PAGE_NAMES | {"of", "von", "de", "di", "z", "av", "af", "из", "sur", "van"}
_DIVIDED_BEFORE = re.compile(r"\s[|·•–—/]\s*\Z")
_DIVIDED_AFTER = re.compile(r"\s*[|·•–—/]\s")
# How far a page's number may be from its place: of one alone, as in a part of a journal; else.
_FAR_ALONE, _FAR = 1_000, 50


def without_furniture(texts: list[str]) -> list[str]:
    """Pages without running titles and page numbers: they would cut sentences and fill passages.

    A line goes when it stands at the edge of most pages with the same words, each number in it
    being the same everywhere or the page's own. In doubt it stays.
    """
    pages = [text.split("\n") for text in texts]
    counts: Counter[str] = Counter()
    for number, lines in enumerate(pages):
        counts.update({form for line in _edges(lines) for form in _forms(line, number)})
    least = max(_FURNITURE_PAGES, _FURNITURE_SHARE * sum(bool(text) for text in texts))
    furniture = {form for form, count in counts.items() if count >= least}
    kept = ["\n".join(_kept(lines, number, furniture)) for number, lines in enumerate(pages)]
    # Labels, forms: where hardly anything else stands on the pages, it is no furniture.
    emptied = sum(bool(text) and not rest for text, rest in zip(texts, kept, strict=True))
    return texts if 2 * emptied > sum(bool(text) for text in texts) else kept


def _edges(lines: list[str]) -> list[str]:
    return lines[:_EDGE_LINES] + lines[-_EDGE_LINES:]


def _forms(line: str, page: int) -> set[str]:
    """The line with each number as it is or, where it may be the page's, as its distance to that.

    None of a line too long for a title: a joined paragraph is one line too.
    """
    line = line.strip()
    parts = re.split(r"(\d+)", line[: _LONGEST_TITLE + 1])
    numbers = parts[1::2]
    if not line or len(line) > _LONGEST_TITLE or len(numbers) > _MOST_NUMBERS:
        return set()
    alone = all(word.lower() in _PAGE_WORDS for word in re.findall(r"[^\W\d_]+", line))
    ways = [
        (text, f"<{int(text) - page}>") if _may_count(parts, at, page, alone=alone) else (text,)
        for at, text in zip(range(1, len(parts), 2), numbers, strict=True)
    ]
    return {
        "".join(word + number for word, number in zip(parts[::2], (*way, ""), strict=True))
        for way in product(*ways)
    }


def _may_count(parts: list[str], at: int, page: int, *, alone: bool) -> bool:
    """Whether a number may be the page's: chapters, models and invoices count up too.

    It stands alone, behind a word for page, or divided from the title; and is not far off.
    """
    before, number, after = parts[at - 1 : at + 2]
    if len(number) > _LONGEST_NUMBER:
        return False
    off = abs(int(number) - page)
    if alone:
        return off <= _FAR_ALONE
    words = re.findall(r"[^\W\d_]+", before[-20:])
    named = bool(words) and words[-1].lower() in _PAGE_NAMES and len(before.split()[-1]) < 10
    ends = at == len(parts) - 2 and not after and _DIVIDED_BEFORE.search(before)
    begins = at == 1 and not before and _DIVIDED_AFTER.match(after)
    return off <= _FAR and bool(named or ends or begins)


def _kept(lines: list[str], page: int, furniture: set[str]) -> list[str]:
    """From each edge inwards, up to the first line that is the page's own."""
    start, end = 0, len(lines)
    while start < min(end, _EDGE_LINES) and _forms(lines[start], page) & furniture:
        start += 1
    while end > max(start, len(lines) - _EDGE_LINES) and _forms(lines[end - 1], page) & furniture:
        end -= 1
    return lines[start:end]
