"""What a large request leaves behind goes soon, however few objects it is."""

from __future__ import annotations

import gc
import weakref

from minirag.memory import large_bodies_forgotten, large_body_was_seen
from tests.processes import wait_for


class Node:
    """As a view and its response: each names the other."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_of_a_large_request_are_collected() -> None:
    gc.disable()
    try:
        with large_bodies_forgotten():
            left = weakref.ref(Node())
            assert left() is not None
            large_body_was_seen()
            wait_for("the cycle is gone", lambda: left() is None, 10)
    finally:
        gc.enable()
