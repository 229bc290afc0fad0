"""Numbers of items as word processors count them: in digits, letters or Roman ones."""

from __future__ import annotations

from collections.abc import Callable

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
# Letters are repeated no more often.
_LONGEST = 30


def written(count: int, kind: str) -> str:
    """``count`` in the ``kind`` that a DOCX names."""
    known: dict[str, Callable[[int], str]] = {
        "none": lambda _: "",
        "decimalZero": lambda number: f"{number:02}",
        "lowerLetter": _letters,
        "upperLetter": lambda number: _letters(number).upper(),
        "lowerRoman": _roman,
        "upperRoman": lambda number: _roman(number).upper(),
    }
    return known.get(kind, str)(count)


def _letters(number: int) -> str:
    """a to z, then aa, bb and so on, as Word counts."""
    return chr(97 + (number - 1) % 26) * min(_LONGEST, 1 + (number - 1) // 26) if number else ""


def _roman(number: int) -> str:
    if number >= 4000:
        return str(number)
    signs = ""
    for value, sign in _ROMAN:
        signs += sign * (number // value)
        number %= value
    return signs
