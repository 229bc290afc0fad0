"""Numbers of a sheet as fractions, where their format code is one of those."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from ingestion.parsing.number_digits import Sign

_MOST_DENOMINATOR = 9_999


def fraction(signs: list[Sign], value: Decimal) -> list[str]:
    """``2.5`` by ``# ?/?`` as ``2 1/2``; nothing where ``signs`` are no fraction's."""
    slash = next((at for at, sign in enumerate(signs) if sign[0] == "slash"), 0)
    above = _run(signs, slash - 1, -1)
    below = _run(signs, slash + 1, 1)
    if not slash or not above or not below:
        return []
    first = min(at for at, sign in enumerate(signs) if sign[0] == "digit")
    fixed = "".join(signs[at][1] for at in below)
    if fixed.isdecimal() and int(fixed):
        steps = int(fixed)
        found = Fraction(round(Fraction(value) * steps), steps)
    else:
        steps = 0
        found = Fraction(value).limit_denominator(min(10 ** len(below) - 1, _MOST_DENOMINATOR))
    whole, rest = divmod(found, 1) if first < above[-1] else (0, found)
    lower = steps or rest.denominator
    words = f"{int(rest * lower)}/{lower}" if rest else ""
    shown = " ".join(one for one in (str(whole) if whole or not words else "", words) if one)
    around = [text for _, text in signs[:first]], [text for _, text in signs[below[-1] + 1 :]]
    return [*around[0], shown, *around[1]]


def _run(signs: list[Sign], at: int, step: int) -> list[int]:
    """Places of digits from ``at`` on, away from the slash, blanks before them aside."""
    while 0 <= at < len(signs) and signs[at] == ("literal", " "):
        at += step
    found = []
    while 0 <= at < len(signs) and (signs[at][0] == "digit" or signs[at][1].isdecimal()):
        found.append(at)
        at += step
    return found
