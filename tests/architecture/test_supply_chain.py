"""What is installed is what was locked, and nothing of it runs before we do."""

from __future__ import annotations

import ast
import re
import site
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, functions, imported, modules, package_of

# Code in a .pth file runs at every start of Python; a poisoned package once hid there.
KNOWN_PTH = {"distutils-precedence.pth"}
LOCKS = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-bootstrap.txt",
    ".ci/lint.txt",
)
REASONS = ("requirements.in", "requirements-dev.in", "requirements-bootstrap.in")
BANNED_IMPORTS = {"pickle", "marshal", "shelve", "dill", "django_cryptography"}
BANNED_CALLS = {"eval", "exec", "mark_safe", "SafeString"}


def test_nothing_runs_at_start_that_is_not_known() -> None:
    folders = [Path(folder) for folder in site.getsitepackages()]
    found = {path.name for folder in folders for path in folder.glob("*.pth")}
    custom = [path for folder in folders for path in folder.glob("*customize*")]
    assert found <= KNOWN_PTH
    assert not custom


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_by_version_and_hash(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert entries
    for entry in entries:
        assert re.match(r"[\w.\[\]-]+==[\w.!+]+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("name", REASONS)
def test_every_requirement_says_why(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    bare = [line for line in lines if line and not line.startswith(("#", "-r")) and "#" not in line]
    assert not bare


def test_poisoned_releases_are_not_locked() -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert re.search(r"^litellm==1\.106\.2 ", text, re.MULTILINE)


@pytest.mark.parametrize("path", modules())
def test_no_dangerous_deserialiser_or_evaluation(path: str) -> None:
    tree = modules()[path]
    wrong = [
        f"{path}:{line} imports {name}"
        for name, line in imported(tree, package_of(path))
        if name.split(".")[0] in BANNED_IMPORTS
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            plain = isinstance(node.func, ast.Name) or name in ("mark_safe", "SafeString")
            if name in BANNED_CALLS and plain:
                wrong.append(f"{path}:{node.lineno} calls {name}")
    assert not wrong


def test_the_tree_is_not_empty() -> None:
    assert sum(1 for tree in modules().values() for _ in functions(tree)) > 500
