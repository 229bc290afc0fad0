"""Money: integers of 10^-9 US dollar inside, decimal strings outside."""

from __future__ import annotations

from decimal import Decimal

TOKENS_PER_PRICE = 10**6


def rounded(millionths: int) -> int:
    """Millionths of a nano dollar to whole ones, half up."""
    return (millionths + TOKENS_PER_PRICE // 2) // TOKENS_PER_PRICE


def usd(nano: int | None) -> str | None:
    """A decimal string such as ``"0.00015"``, never in exponent form; None stays None."""
    if nano is None:
        return None
    text = f"{Decimal(nano).scaleb(-9):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
