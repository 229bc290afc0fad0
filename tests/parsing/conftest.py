"""A parser that has been started: its first document pays for the zygote's imports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingestion.parsing.limits import Limits
from ingestion.parsing.sandbox import Sandbox
from minirag.types import RawDocument


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    sandbox.parse(RawDocument("start.txt", b"start", ""), Limits())
    yield sandbox
    sandbox.close()
