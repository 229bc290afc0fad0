"""What a model's tokens cost, from the table in litellm's wheel, read without importing litellm.

Prices are integers of 10^-9 US dollar per million tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from minirag.types import TokenUsage
from usage.money import rounded

_TABLE = "model_prices_and_context_window_backup.json"
# Models that run in this process or are scripted by tests.
_FREE_PREFIXES = ("local/", "fake/")
# Entries priced by image, second or page say nothing about tokens.
_MODES = frozenset({"chat", "completion", "responses", "embedding", "rerank"})
# Dollars per token to 10^-9 dollars per million tokens.
_SCALE = Decimal(10**15)
# No real model comes near it; a larger figure would be a slip in the table.
_LARGEST = 10**13
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Price:
    """10^-9 US dollar per million tokens."""

    input_nano: int
    output_nano: int

    def cost(self, usage: TokenUsage) -> int:
        """10^-9 US dollar for ``usage``, rounded half up once."""
        return rounded(
            usage.input_tokens * self.input_nano + usage.output_tokens * self.output_nano
        )


FREE = Price(0, 0)


@dataclass(frozen=True, slots=True)
class _Listed:
    provider: str
    price: Price


def price(model: str) -> Price | None:
    """The price of ``model`` (a LiteLLM model string), or None where it is unknown.

    ``provider/name`` also finds an entry ``name`` of that very provider.
    """
    if model.startswith(_FREE_PREFIXES):
        return FREE
    table = _table()
    if listed := table.get(model):
        return listed.price
    provider, _, name = model.partition("/")
    listed = table.get(name)
    return listed.price if listed is not None and listed.provider == provider else None


def _table() -> Mapping[str, _Listed]:
    with _lock:  # lru_cache alone would let two threads parse the table twice
        return _load(_table_path())


def _table_path() -> Path:
    # find_spec locates a top-level package without running any of its code.
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("litellm is not installed: its wheel carries the price table.")
    return Path(spec.submodule_search_locations[0]) / _TABLE


@lru_cache(maxsize=1)
def _load(path: Path) -> Mapping[str, _Listed]:
    # Entries are reduced while they are parsed: the whole table would take 30 MB for a moment.
    # Numbers stay strings, so that no price passes through binary floating point.
    with path.open(encoding="utf-8") as file:
        entries = json.load(file, object_pairs_hook=_reduced, parse_float=str, parse_int=str)
    return {name: entry for name, entry in entries.items() if isinstance(entry, _Listed)}


def _reduced(pairs: list[tuple[str, Any]]) -> Any:
    """One JSON object: an entry with token prices as ``_Listed``, anything else as a dict."""
    entry = dict(pairs)
    if "litellm_provider" not in entry:
        return entry
    listed = _listed(entry)
    return listed if listed is not None else {}


def _listed(entry: Mapping[str, Any]) -> _Listed | None:
    if entry.get("mode") not in _MODES:
        return None
    input_nano = _nano(entry.get("input_cost_per_token"))
    # An embedding has no output; for a chat model a missing output price is an unknown one.
    no_output = "0" if entry["mode"] in ("embedding", "rerank") else None
    output_nano = _nano(entry.get("output_cost_per_token", no_output))
    if input_nano is None or output_nano is None:
        return None
    if not input_nano and not output_nano and _charges_otherwise(entry):
        return None
    return _Listed(str(entry["litellm_provider"]), Price(input_nano, output_nano))


def _nano(text: Any) -> int | None:
    """Dollars per token as written in the table to our unit; None where it is no sane price."""
    if not isinstance(text, str):
        return None
    try:
        nano = Decimal(text) * _SCALE
    except InvalidOperation:
        return None
    return int(nano.to_integral_value()) if 0 <= nano <= _LARGEST else None


def _charges_otherwise(entry: Mapping[str, Any]) -> bool:
    """Free by the token but not free: by the query, the second, the character."""
    return any(
        "cost_per" in name and "token" not in name and _nano(value) not in (None, 0)
        for name, value in entry.items()
    )
