"""The probe API instead of the real routes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.urls_probe import Items


@pytest.fixture(autouse=True)
def _probe(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.api.urls_probe"
    Items.runs.clear()
