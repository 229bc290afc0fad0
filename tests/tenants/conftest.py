"""This app's own routes."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _routes(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.tenants.urls"
