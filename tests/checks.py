"""``make check``: everything a change must pass besides the tests' own run.

``python -m tests.checks [--without-tests]``
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time

from tests.gate import SERVICE_VARIABLES

PRODUCTION = {
    "MINIRAG_ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "MINIRAG_ENCRYPTION_KEYS": "7v0q3Yb1u5mXn2k8w4c6Zr9t0aHd_eJfGiLoPsQxTyA=",
    "ALLOWED_HOSTS": "rag.example.com",
    "MINIRAG_PUBLIC_URL": "https://rag.example.com",
}
DEVELOPMENT = PRODUCTION | {
    "MINIRAG_ENV": "development",
    "MINIRAG_PUBLIC_URL": "http://127.0.0.1:8000",
}
MANAGE = [sys.executable, "manage.py"]


def steps() -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command, extra environment."""
    ruff = [sys.executable, "-m", "ruff"]
    return [
        ("ruff", [*ruff, "check", "."], {}),
        ("format", [*ruff, "format", "--check", "."], {}),
        ("types", [sys.executable, "-m", "mypy", "."], DEVELOPMENT),
        ("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"], DEVELOPMENT),
        ("deploy", [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
    ]


def main(arguments: list[str]) -> int:
    failed = []
    # What is checked is the code, not the services that happen to run here.
    surroundings = {k: v for k, v in os.environ.items() if k not in SERVICE_VARIABLES}
    for name, command, extra in steps():
        began = time.monotonic()
        code = subprocess.run(command, env=surroundings | extra, check=False).returncode
        state = "ok" if code == 0 else f"FAILED ({code})"
        sys.stdout.write(f"check {name}: {state} in {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
        if code:
            failed.append(name)
    if "--without-tests" not in arguments:
        gate = [sys.executable, "-m", "tests.gate"]
        if subprocess.run(gate, check=False).returncode:
            failed.append("tests")
    if failed:
        sys.stdout.write(f"make check: failed: {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
