"""A fresh machine: commands say in one sentence what to do first."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import OperationalError

from minirag.command_line import advice
from tests.faults.house import embedded_environment
from tests.processes import new_secrets, processes


def one_line(printed: str) -> str:
    (line,) = printed.splitlines()
    return line


def test_without_secrets(tmp_path: Path) -> None:
    with processes(tmp_path, embedded_environment(tmp_path)) as children:
        for command in (("serve",), ("migrate", "--noinput")):
            told = one_line(children.manage(*command, code=1))
            assert "SECRET_KEY is missing" in told and "minirag.firstrun" in told


def test_before_migrate(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    note = tmp_path / "note.md"
    note.write_text("# Note\n\nOne.")
    backup = tmp_path / "none.tgz"
    environ = embedded_environment(tmp_path, **new_secrets())
    with processes(tmp_path, environ) as children:
        for command in (
            ("serve",),
            ("ask", "why?", "--bot", "nobody"),
            ("ingest", str(note), "--bot", "nobody"),
            ("backup", str(backup)),
        ):
            told = one_line(children.manage(*command, code=1))
            assert "`python manage.py migrate`" in told, told
        assert not backup.exists()
        assert "Traceback" in children.manage("ask", "why?", "--bot", "x", "--traceback", code=1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("no such table: tenants_tenant", True),
        ('relation "tenants_tenant" does not exist', True),
        ('FATAL:  database "minirag" does not exist', False),
        ('role "minirag" does not exist', False),
    ],
)
def test_only_a_missing_table_is_for_migrate(words: str, told: bool) -> None:
    assert (advice(OperationalError(words)) is not None) is told
