"""The digits of a number laid into the places that a sheet's format code has for them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal

# Kind and text of one sign of a format code.
Sign = tuple[str, str]


def number(signs: list[Sign], value: Decimal, exact: Context) -> Iterator[str]:
    """``1234.5`` by ``#,##0.00`` as ``1,234.50``; ``value`` is not negative."""
    cut = next((at for at, sign in enumerate(signs) if sign[0] == "exponent"), len(signs))
    tail = signs[cut + 1 :]
    signs, grouped, thousands = _without_commas(signs[: cut + 1])
    value = exact.scaleb(value, -3 * thousands)
    point = next((at for at, sign in enumerate(signs) if sign[0] == "point"), len(signs))
    before = [text for kind, text in signs[:point] if kind == "digit"]
    behind = [text for kind, text in signs[point:] if kind == "digit"]
    power = 0
    if signs and signs[-1][0] == "exponent":
        value, power = _scaled(value, max(1, len(before)), len(behind), exact)
    rounded = exact.quantize(value, Decimal(1).scaleb(-len(behind)))
    whole, _, part = f"{rounded:f}".partition(".")
    layout = _Digits(whole.lstrip("0"), part, before, behind, grouped=grouped)
    for kind, text in signs:
        if kind == "digit":
            yield layout.next()
        elif kind == "point":
            yield layout.point()
        elif kind == "exponent":
            yield _exponent(power, text, tail)
        else:
            yield text
    yield from (text for kind, text in tail if kind != "digit")


def _scaled(value: Decimal, step: int, places: int, exact: Context) -> tuple[Decimal, int]:
    """(mantissa, power of ten); of several places before the point the power is a multiple."""
    power = value.adjusted() // step * step if value else 0
    mantissa = exact.scaleb(value, -power)
    if exact.quantize(mantissa, Decimal(1).scaleb(-places)) >= Decimal(10) ** step:
        power += step
        mantissa = exact.scaleb(mantissa, -step)
    return mantissa, power


def _exponent(power: int, sign: str, tail: list[Sign]) -> str:
    places = sum(kind == "digit" for kind, _ in tail)
    plus = "-" if power < 0 else "+" if sign[1] == "+" else ""
    return f"E{plus}{str(abs(power)).zfill(places)}"


def _without_commas(signs: list[Sign]) -> tuple[list[Sign], bool, int]:
    """(the other signs, whether thousands are set apart, by how many of them it is divided)."""
    kept: list[Sign] = []
    grouped, thousands, after_digit = False, 0, False
    for sign in signs:
        if sign[0] == "comma" and after_digit:
            thousands += 1
            continue
        if sign[0] == "digit" and thousands:
            grouped, thousands = True, 0
        after_digit = sign[0] == "digit"
        kept.append(sign)
    return kept, grouped, thousands


class _Digits:
    """Hands out what stands in each place, from the left."""

    def __init__(
        self, whole: str, part: str, before: list[str], behind: list[str], *, grouped: bool
    ) -> None:
        least = next((len(before) - at for at, text in enumerate(before) if text == "0"), 0)
        self._whole = whole.zfill(least) if least else whole
        self._part = part
        places = list(behind)
        while places and places[-1] != "0" and self._part.endswith("0"):
            self._part = self._part[:-1]
            places.pop()
        self._left = len(before)
        self._grouped = grouped
        self._in_part = False

    def next(self) -> str:
        if self._in_part:
            digit, self._part = self._part[:1], self._part[1:]
            return digit
        self._left -= 1
        return self._taken(len(self._whole) - self._left)

    def point(self) -> str:
        """The point where digits follow it, and before it those that had no place."""
        rest = self._taken(len(self._whole))
        self._in_part = True
        return rest + "." if self._part else rest

    def _taken(self, count: int) -> str:
        taken = ""
        for _ in range(count):
            taken += self._whole[0]
            self._whole = self._whole[1:]
            if self._grouped and self._whole and len(self._whole) % 3 == 0:
                taken += ","
        return taken
