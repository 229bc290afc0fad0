"""Numbers and dates of a sheet in the words that it shows, by their format codes.

The codes are those of ECMA-376 part 1, 18.8.30 and 18.8.31; separators and names are the English
ones, since a file does not say whose it is shown with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from math import isfinite

from ingestion.parsing.number_codes import Section, sections_of
from ingestion.parsing.number_digits import number
from ingestion.parsing.number_fractions import fraction
from ingestion.parsing.number_moments import is_moment, shown_moment

_OF_MOMENTS = frozenset({"date", "elapsed", "half"})
_NOT_ZERO = frozenset("123456789")
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
# Days of sheets are counted from here; the last one is in the year 9999.
_FIRST_DAY, _LAST_DAY = datetime(1899, 12, 30), 2_958_466


def plain_number(value: float) -> str:
    """A number without a format, to the 15 digits that sheets count in."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".15g").upper()


def shown_number(value: float, code: str) -> str:
    """``0.15`` by ``0%`` as ``15%``; as without a format where the code is none of numbers."""
    sections = sections_of(code)
    if not sections or not isfinite(value):
        return plain_number(value)
    section, signed = _chosen(sections, value)
    if not section.kinds.isdisjoint(_OF_MOMENTS):
        return plain_number(value)
    words = _quickly(section, abs(value))
    if words is None:
        try:
            exact = Decimal(format(abs(value), ".15g"))
            words = "".join(_pieces(section, exact)).strip()
        except InvalidOperation:  # of hundreds of digits, by hundreds of signs of per cent
            return plain_number(value)
    is_less = signed and value < 0 and not _NOT_ZERO.isdisjoint(words)
    return f"-{words}" if is_less else words


def _quickly(section: Section, value: float) -> str | None:
    """As below, for most codes in a tenth of the time; None where rounding may tell them apart."""
    if section.simple is None:
        return None
    before, spec, places, after = section.simple
    value, percent = (value * 100, "%") if spec.endswith("%") else (value, "")
    digits = format(value, ".15g")
    if (digits.endswith("5") and len(digits.partition(".")[2]) == places + 1) or "e" in digits:
        return None
    return f"{before}{format(value, spec.rstrip('%'))}{percent}{after}".strip()


def shown_text(words: str, code: str) -> str:
    """A number that is written in ``words`` by its format; other words as they are."""
    try:
        value = float(words)
    except ValueError:
        return words
    if not isfinite(value) or not _NUMBER.fullmatch(words.strip()):
        return words
    if is_moment(code) and 0 <= value < _LAST_DAY:
        moment = _FIRST_DAY + timedelta(days=value)
        return shown_moment(moment, code) or moment.date().isoformat()
    return shown_number(value, code)


def _chosen(sections: tuple[Section, ...], value: float) -> tuple[Section, bool]:
    """(the section for ``value``, whether a minus is to be written before it)."""
    if any(section.holds for section in sections):
        for section in sections[:3]:
            if section.holds is None or section.holds(value):
                opening = section.signs[0][1] if section.signs else ""
                return section, not opening.startswith(("-", "("))
        return sections[0], True
    if value < 0 and len(sections) > 1:
        return sections[1], False
    return sections[2 if value == 0 and len(sections) > 2 else 0], True


def _pieces(section: Section, value: Decimal) -> Iterator[str]:
    signs = list(section.signs)
    value = _EXACT.scaleb(value, 2 * sum(kind == "percent" for kind, _ in signs))
    if not section.kinds.isdisjoint(("general", "text")):
        for kind, text in signs:
            yield plain_number(float(value)) if kind in ("general", "text") else text
    elif parts := fraction(signs, value):
        yield from parts
    else:
        yield from number(signs, value, _EXACT)
