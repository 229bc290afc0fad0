"""The environment of the tests: development settings, a throw-away data folder, loopback only.

Loaded by ``-p`` (pyproject.toml), since pytest-django reads the settings before any conftest runs.
"""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("MINIRAG_ENV", "development")
os.environ.setdefault("SECRET_KEY", "test-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF")
os.environ.setdefault("MINIRAG_ENCRYPTION_KEYS", "7v0q3Yb1u5mXn2k8w4c6Zr9t0aHd_eJfGiLoPsQxTyA=")
os.environ["MINIRAG_DATA_DIR"] = tempfile.mkdtemp(prefix="minirag-tests-")
os.environ["MINIRAG_FAKES"] = "1"
