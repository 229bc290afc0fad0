"""The edge of ``manage.py``: what a person can put right is told in a sentence, not a traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

# SQLite's words, then PostgreSQL's.
_BEHIND = re.compile(
    r"no such (table|column)|has no column named|(relation|column) \S+ does not exist"
)
_MIGRATE = "The database is behind this code: run `python manage.py migrate` first."
_SECRETS = "To try things out, `python -m minirag.firstrun` makes the secrets of a folder."


def run(arguments: Sequence[str]) -> None:
    """Run one command. Exits with status 1 where it cannot; ``--traceback`` shows all of it."""
    try:
        execute_from_command_line(list(arguments))
    except (ImproperlyConfigured, OperationalError, ProgrammingError) as error:
        told = advice(error)
        if told is None or "--traceback" in arguments:
            raise
        sys.exit(told)


def advice(error: Exception) -> str | None:
    """What to do about it; None where nobody knows beforehand."""
    text = str(error)
    if isinstance(error, ImproperlyConfigured):
        return f"{text} {_SECRETS}" if text.startswith("SECRET_KEY is missing") else text
    return _MIGRATE if _BEHIND.search(text) else None
