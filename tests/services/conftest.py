"""The running service shape, once per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything docker-compose.yml starts, ready to use."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/services/" in str(item.path):
            item.add_marker(pytest.mark.services)
