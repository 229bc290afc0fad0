"""Plugins of all tests. Their environment is set earlier, by ``tests.environment``."""

from __future__ import annotations

from pathlib import Path

pytest_plugins = ["tests.network_blocker", "tests.cast", "tests.doubles.websites"]

ROOT = Path(__file__).resolve().parent.parent
