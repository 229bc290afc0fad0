"""A fresh folder gets secrets of its own, once, readable by its owner only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minirag.fields import master_keys
from minirag.firstrun import ensure_env


def _values(folder: Path) -> dict[str, str]:
    lines = (folder / "env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_secrets_are_made_once(tmp_path: Path) -> None:
    assert ensure_env(tmp_path / "var")
    first = (tmp_path / "var" / "env").read_text()
    assert not ensure_env(tmp_path / "var")
    assert (tmp_path / "var" / "env").read_text() == first
    assert (tmp_path / "var" / "env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["env"]


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    ensure_env(tmp_path / "a")
    ensure_env(tmp_path / "b")
    a, b = _values(tmp_path / "a"), _values(tmp_path / "b")
    assert a["MINIRAG_ENV"] == "development"
    assert a["SECRET_KEY"] != b["SECRET_KEY"]
    assert len(a["SECRET_KEY"]) >= 50
    assert master_keys([a["MINIRAG_ENCRYPTION_KEYS"]]) != master_keys(
        [b["MINIRAG_ENCRYPTION_KEYS"]]
    )


@pytest.mark.parametrize("own", [{}, {"MINIRAG_ENV": "production"}])
def test_the_demo_command_makes_the_secrets_that_it_needs(
    tmp_path: Path, own: dict[str, str]
) -> None:
    """As ``make demo`` does; whoever sets up their own environment gets none."""
    folder = tmp_path / "data"
    surroundings = {"PATH": os.environ["PATH"], "MINIRAG_DATA_DIR": str(folder), **own}
    command = [sys.executable, "manage.py", "demo", "--port", "none"]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert (folder / "env").exists() is not bool(own)
    if not own:
        assert "Traceback" not in done.stderr and "invalid int value" in done.stderr
