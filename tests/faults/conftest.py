"""Houses for the fault tests, and a provider whose pace the tests hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.openai_paced import PacedDouble
from tests.faults.house import House, Template, open_house, shared_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A migrated data folder with one tenant."""
    return shared_template(tmp_path_factory)


@pytest.fixture
def house(template: Template, tmp_path: Path) -> Iterator[House]:
    """A data folder of this test's own; no server runs yet."""
    with open_house(template, tmp_path / "house") as made:
        yield made


@pytest.fixture
def double() -> Iterator[PacedDouble]:
    """An OpenAI-compatible provider."""
    with PacedDouble() as running:
        yield running
