"""A fresh folder gets secrets of its own, once, readable by its owner only."""

from __future__ import annotations

from pathlib import Path

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
