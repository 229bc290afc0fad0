"""The signs of a sheet's format codes, in their sections for more, for less, for nothing.

ECMA-376 part 1, 18.8.30 and 18.8.31.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ingestion.parsing.number_digits import Sign

_LONGEST = 255
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|(?P<unseen>_.|\*.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General)|(?P<half>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+)"
    r"|(?P<era>e+)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
# Signs that are one of a kind as one letter each, and codes of digits in the usual places.
_SHORT = {"literal": "L", "percent": "%"}
_SIMPLE = re.compile(r"(L*)(#,##)?0(\.0+)?(%?)(L*)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?\d{1,15}(?:\.\d{1,15})?)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
    "<>": operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """``holds`` says for which numbers it is meant, where it has a condition of its own."""

    signs: tuple[Sign, ...]
    holds: Callable[[float], bool] | None = None

    @cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.signs)

    @cached_property
    def simple(self) -> tuple[str, str, int, str] | None:
        """(words before, format of Python, places behind the point, words behind) of most codes."""
        found = _SIMPLE.fullmatch("".join(_SHORT.get(kind, text) for kind, text in self.signs))
        if found is None or self.holds:
            return None
        before, grouped, part, percent, _ = found.groups()
        places = len(part or ".") - 1
        words = [text for kind, text in self.signs if kind == "literal"]
        ahead = len(before)
        spec = f"{',' if grouped else ''}.{places}f"
        return "".join(words[:ahead]), spec + percent, places, "".join(words[ahead:])


@lru_cache(maxsize=1_000)
def sections_of(code: str) -> tuple[Section, ...]:
    """The sections of ``code``; none where it is General or cannot be one."""
    if len(code) > _LONGEST or code.strip().lower() in ("", "general", "@"):
        return ()
    sections: list[Section] = []
    signs: list[Sign] = []
    holds: Callable[[float], bool] | None = None
    for token in _TOKEN.finditer(code):
        if token["other"] == ";":
            sections.append(Section(tuple(signs), holds))
            signs, holds = [], None
        elif token["bracket"] is not None and (found := _CONDITION.fullmatch(token["bracket"])):
            holds = _condition(found[1], float(found[2]))
        else:
            signs.append(_sign(token))
    return (*sections, Section(tuple(signs), holds))


def _condition(sign: str, bound: float) -> Callable[[float], bool]:
    return lambda value: _COMPARE[sign](value, bound)


def _sign(token: re.Match[str]) -> Sign:
    kind = token.lastgroup or "other"
    text = token[kind]
    if kind == "bracket":
        if _ELAPSED.fullmatch(text):
            return "elapsed", text.lower()
        return "literal", text[1:].partition("-")[0] if text.startswith("$") else ""
    if kind == "unseen":
        return "literal", " " if text.startswith("_") else ""
    if kind == "other":
        named = {"0": "digit", "#": "digit", "?": "digit", ".": "point", ",": "comma",
                 "%": "percent", "/": "slash", "@": "text"}  # fmt: skip
        return named.get(text, "literal"), text
    if kind in ("quoted", "escaped"):
        return "literal", text
    return kind, text if kind in ("half", "era") else text.lower()
