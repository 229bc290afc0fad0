"""Prices come from the shipped table, exactly, and without importing litellm."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from minirag.types import TokenUsage
from tests.conftest import ROOT
from usage import pricing
from usage.money import usd
from usage.pricing import Price, price


def test_a_listed_model_has_the_tables_price_to_the_last_digit() -> None:
    assert price("gpt-4o-mini") == Price(150_000_000, 600_000_000)


def test_the_providers_prefix_finds_the_providers_own_entry_only() -> None:
    assert price("openai/gpt-4o-mini") == price("gpt-4o-mini")
    assert price("text-embedding-3-small") == price("openai/text-embedding-3-small")
    assert price("deepinfra/gpt-4o-mini") is None


@pytest.mark.parametrize("model", ["", "/", "nobody/knows-this", "sample_spec", "dall-e-3"])
def test_what_has_no_token_price_is_unknown(model: str) -> None:
    assert price(model) is None


@pytest.mark.parametrize("model", ["local/extractive", "local/minilm-l6-v2", "fake/echo"])
def test_local_and_scripted_models_cost_nothing(model: str) -> None:
    assert price(model) == Price(0, 0)


def test_litellm_is_not_imported_for_a_price() -> None:
    code = "import sys, usage.pricing as p; p.price('gpt-4o'); print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_odd_entries_of_the_table_are_left_out(tmp_path: Path) -> None:
    def entry(**fields: object) -> dict[str, object]:
        return {"litellm_provider": "p", "mode": "chat", **fields}

    table = {
        "good": entry(input_cost_per_token=1e-7, output_cost_per_token=2.5e-7),
        "negative": entry(input_cost_per_token=-1, output_cost_per_token=1e-7),
        "word": entry(input_cost_per_token="much", output_cost_per_token=1e-7),
        "huge": entry(input_cost_per_token=1e9, output_cost_per_token=1e-7),
        "half": entry(input_cost_per_token=1e-7),
        "by the query": entry(
            input_cost_per_token=0, output_cost_per_token=0, input_cost_per_query=0.002
        ),
        "picture": entry(mode="image_generation", input_cost_per_token=1, output_cost_per_token=1),
        "embedding": entry(mode="embedding", input_cost_per_token=2e-8),
        "no object": 7,
    }
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table))
    loaded = pricing._load.__wrapped__(path)
    assert {name: row.price for name, row in loaded.items()} == {
        "good": Price(100_000_000, 250_000_000),
        "embedding": Price(20_000_000, 0),
    }


def test_cost_is_rounded_once_over_the_sum() -> None:
    each = Price(1, 1)  # a millionth of a nano dollar per token
    assert each.cost(TokenUsage(499_999, 0)) == 0
    assert each.cost(TokenUsage(250_000, 250_000)) == 1
    assert Price(150_000_000, 600_000_000).cost(TokenUsage(1_000_000, 1_000_000)) == 750_000_000


@pytest.mark.parametrize(
    ("nano", "text"),
    [(None, None), (0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (10**19, "10000000000")],
)
def test_dollars_are_plain_decimal_strings(nano: int | None, text: str | None) -> None:
    assert usd(nano) == text
