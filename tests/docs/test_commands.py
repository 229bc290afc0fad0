"""The commands of docs/operating.md that are marked as tested run as they stand there, in order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.house import embedded_environment
from tests.processes import ROOT, new_key, new_secrets, processes

_BLOCK = re.compile(r"^\*\(tested\)\*\n```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"`manage\.py (\w+)")


def page() -> str:
    return (ROOT / "docs" / "operating.md").read_text()


def commands() -> Iterator[str]:
    """The lines after a prompt, block by block."""
    for block in _BLOCK.findall(page()):
        for line in block.splitlines():
            assert line.startswith("$ "), f"no prompt: {line}"
            yield line.removeprefix("$ ")


def test_the_page_has_them() -> None:
    assert len(list(commands())) >= 8
    assert page().count("*(tested)*") == len(_BLOCK.findall(page())) + 1, "a mark without a block"


@pytest.mark.long
def test_they_run(tmp_path: Path) -> None:
    """One after the other, on one fresh folder, in production with two encryption keys."""
    keys = {**new_secrets(), "MINIRAG_ENCRYPTION_KEYS": f"{new_key()},{new_key()}"}
    public = {"MINIRAG_PUBLIC_URL": "https://rag.example.com"}
    environ = embedded_environment(tmp_path, **keys, **public)
    (tmp_path / "out").mkdir()
    with processes(tmp_path / "out", environ) as children:
        for line in commands():
            words = shlex.split(line)
            words = [str(tmp_path / word) if word.endswith(".tgz") else word for word in words]
            children.run(words[2], words)
    assert (tmp_path / "minirag-backup.tgz").stat().st_size > 0


@pytest.mark.parametrize(
    "path", sorted(str(one.relative_to(ROOT)) for one in ROOT.glob("docs/*.md"))
)
def test_no_page_names_a_command_that_is_not_there(path: str) -> None:
    there = {one.stem for one in ROOT.glob("*/management/commands/*.py")} | {
        "migrate",
        "check",
        "collectstatic",
    }
    named = set(_COMMAND.findall((ROOT / path).read_text()))
    assert named <= there
