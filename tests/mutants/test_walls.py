"""MUT: each predicate that keeps tenants, visitors and bills apart is deleted once, in a copy.

The named quick tests must turn red. One that stays green guards nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.gate import SERVICE_VARIABLES
from tests.mutants.catalogue import MUTANTS

TESTS_FAILED = 1  # pytest's exit code: they ran, and one was red
# What no test reads, and what belongs to this folder alone.
LEFT_OUT = (".git", ".venv", "var", "staticfiles", "__pycache__", ".*_cache", "*.sqlite3")
GUARDS = sorted({test for mutant in MUTANTS.values() for test in mutant.test.split()})


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that may be broken."""
    copy = tmp_path_factory.mktemp("mutants") / "tree"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return copy


def run(tree: Path, tests: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """The quick ones of ``tests`` on the copy, up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    kept = {k: v for k, v in os.environ.items() if k not in SERVICE_VARIABLES}
    kept = {k: v for k, v in kept.items() if not k.startswith(("PYTEST_", "MINIRAG_"))}
    return subprocess.run(
        [*command, *tests.split(), "-m", "not long and not services and not browser"],
        cwd=tree,
        env={**kept, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_the_catalogue_fits_the_tree() -> None:
    for name, mutant in MUTANTS.items():
        assert (ROOT / mutant.path).read_text().count(mutant.old) == 1, name
        assert mutant.new != mutant.old, name
    assert [guard for guard in GUARDS if not (ROOT / guard).exists()] == []
    sys.stdout.write(f"MUT: {len(MUTANTS)} mutants, {len(GUARDS)} guards\n")
    assert len(MUTANTS) >= 70


@pytest.mark.long
@pytest.mark.parametrize("name", MUTANTS)
def test_no_wall_can_be_taken_away_unseen(name: str, tree: Path) -> None:
    mutant = MUTANTS[name]
    file = tree / mutant.path
    whole = file.read_text()
    file.write_text(whole.replace(mutant.old, mutant.new))
    try:
        done = run(tree, mutant.test)
    finally:
        file.write_text(whole)
    assert done.returncode == TESTS_FAILED, done.stdout[-3000:] + done.stderr[-2000:]
    assert "\nFAILED tests/" in done.stdout, "a test said so, not its set-up"


@pytest.mark.long
def test_unharmed_the_same_tests_are_green(tree: Path) -> None:
    done = run(tree, " ".join(GUARDS), seconds=1200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
