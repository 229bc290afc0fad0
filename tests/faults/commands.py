"""Many ``manage.py`` commands in one process, since starting one takes longer than a refusal.

``python -m tests.faults.commands '[["restore", "file"], …]' CODE``: prints, as a JSON list, what
each printed; fails where one ends with another code.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

from django.core.management import execute_from_command_line


def printed_by(line: list[str], code: int) -> str:
    """Run one as the shell would, to its exit."""
    out, ended = io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(out):
        try:
            execute_from_command_line(["manage.py", *line])
        except SystemExit as exit:
            ended = int(exit.code or 0)
    assert ended == code, f"{line} ended with {ended}: {out.getvalue()}"
    return out.getvalue()


def main(lines: str, code: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minirag.settings")
    json.dump([printed_by(line, int(code)) for line in json.loads(lines)], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
