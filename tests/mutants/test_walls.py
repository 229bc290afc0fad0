"""MUT: each predicate that keeps tenants, visitors and bills apart is deleted once, in a copy.

The named quick test must turn red. One that stays green guards nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

pytestmark = pytest.mark.long
TESTS_FAILED = 1  # pytest's exit code: they ran, and one was red
COPIED = (
    "minirag",
    "tenants",
    "sources",
    "usage",
    "bots",
    "ingestion",
    "chat",
    "templates",
    "tests",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """``old`` stands once in ``path``; with ``new`` in its place ``test`` must fail."""

    path: str
    old: str
    new: str
    test: str


LIVE = "Q(revoked_at__isnull=True, tenant__suspended_at__isnull=True)"
TOKENS = "tests/tenants/test_tokens.py"
CHAT = "tests/chat/test_http.py"
LEDGER = "tests/usage/test_ledger.py"
MUTANTS = {
    "scope: rows of all": Mutant(
        "tenants/scope.py",
        "return rows.filter(**{self.tenant_field: scope.tenant_id})",
        "return rows",
        "tests/architecture/test_scope_rules.py",
    ),
    "scope: writing for another": Mutant(
        "tenants/scope.py",
        "if row.tenant_id != scope.tenant_id:",
        "if False:",
        "tests/architecture/test_scope_rules.py",
    ),
    "permission: a view without a scope": Mutant(
        "tenants/permissions.py",
        "if scope is None or not isinstance(auth, AuthContext):\n        return False",
        "if scope is None or not isinstance(auth, AuthContext):\n        return True",
        "tests/tenants/test_checks.py",
    ),
    "permission: widgets everywhere": Mutant(
        "tenants/permissions.py",
        'if auth.kind is ActorKind.WIDGET and not getattr(view, "widget_allowed", False):',
        "if False:",
        TOKENS,
    ),
    "permission: any scope": Mutant(
        "tenants/permissions.py",
        "return auth.may(scope)",
        "return True",
        "tests/tenants/test_members.py",
    ),
    "token: revoked": Mutant(
        "tenants/credentials.py", LIVE, "Q(tenant__suspended_at__isnull=True)", TOKENS
    ),
    "token: suspended tenant": Mutant(
        "tenants/credentials.py", LIVE, "Q(revoked_at__isnull=True)", TOKENS
    ),
    "token: expired": Mutant(
        "tenants/credentials.py", "Q(expires_at__gt=timezone.now())", "Q(pk__isnull=False)", TOKENS
    ),
    "token: more than its creator": Mutant(
        "tenants/credentials.py",
        "return granted & role_scopes(role) if role else frozenset()",
        "return granted",
        "tests/tenants",
    ),
    "person: suspended tenant": Mutant(
        "tenants/credentials.py",
        "            tenant__suspended_at__isnull=True,\n        )\n        .select_related",
        "        )\n        .select_related",
        "tests/tenants",
    ),
    "widget: any origin": Mutant(
        "chat/widget.py",
        "if normal is None or (normal not in own and normal not in allowed_origins(bot)):",
        "if normal is None:",
        CHAT,
    ),
    "widget: closed": Mutant(
        "chat/widget.py", "if not bot.widget_enabled or not bot.is_active:", "if False:", CHAT
    ),
    "widget: chats of other visitors": Mutant(
        "chat/selectors.py",
        "if auth.widget is not None:\n        mine",
        "if False:\n        mine",
        CHAT,
    ),
    "chunks: disabled": Mutant(
        "sources/selectors.py",
        "_LIVE_DOCUMENT, enabled=True, qdrant_point_id__in",
        "_LIVE_DOCUMENT, qdrant_point_id__in",
        "tests/sources/test_readable_chunks.py",
    ),
    "chunks: deleted": Mutant(
        "sources/selectors.py",
        "_LIVE_DOCUMENT, enabled=True, qdrant_point_id__in",
        "enabled=True, qdrant_point_id__in",
        "tests/sources/test_readable_chunks.py",
    ),
    "tokens: revoked ones can be named": Mutant(
        "tenants/selectors.py", "revoked_at__isnull=True", "pk__isnull=False", "tests/tenants"
    ),
    "ledger: closing twice": Mutant(
        "usage/ledger.py",
        "pk=event.pk, status=UsageStatus.RESERVED).update(",
        "pk=event.pk).update(",
        LEDGER,
    ),
    "ledger: no cap": Mutant(
        "usage/ledger.py",
        "_spend_within_cap(tenant_id, _month(",
        "_spend(tenant_id, _month(",
        LEDGER,
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that may be broken."""
    copy = tmp_path_factory.mktemp("mutants") / "tree"
    copy.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("manage.py", "pyproject.toml", ".env.example"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def run(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", test]
    return subprocess.run(
        [*command, "-m", "not long and not services"],
        cwd=tree, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_no_wall_can_be_taken_away_unseen(name: str, tree: Path) -> None:
    mutant = MUTANTS[name]
    file = tree / mutant.path
    whole = file.read_text()
    assert whole.count(mutant.old) == 1, f"{mutant.path} has changed: look at its mutant again"
    file.write_text(whole.replace(mutant.old, mutant.new))
    try:
        done = run(tree, mutant.test)
    finally:
        file.write_text(whole)
    assert done.returncode == TESTS_FAILED, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("test", sorted({mutant.test for mutant in MUTANTS.values()}))
def test_unharmed_the_same_tests_are_green(test: str, tree: Path) -> None:
    done = run(tree, test)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
