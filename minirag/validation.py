"""Values judged one by one, and everything that is wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minirag.errors import AddressRefused, Invalid

# Gives the value as it is kept, or raises ``Invalid``.
Rule = Callable[[Any], Any]


def clean_all(rules: Mapping[str, Rule], values: Mapping[str, Any]) -> dict[str, Any]:
    """Each of ``values`` by its rule. Raises one ``Invalid`` with every field that is at fault.

    Where an address was refused too, ``AddressRefused`` comes once nothing else is wrong.
    """
    cleaned: dict[str, Any] = {}
    wrong: dict[str, list[str]] = {}
    refused: AddressRefused | None = None
    for name, value in values.items():
        try:
            cleaned[name] = rules[name](value)
        except Invalid as error:
            wrong |= error.fields or {}
        except AddressRefused as error:
            refused = error
    if wrong:
        raise Invalid(fields=wrong)
    if refused:
        raise refused
    return cleaned
