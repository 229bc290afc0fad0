"""``make test``: the gate in two halves, embedded always, services where they answer.

``python -m tests.gate [--rest | --long] [--share i/n] [pytest arguments]``

Of the heavy tests (tests/selection.py) it runs a fifth, another one each day; ``--rest`` runs the
other four fifths, ``--long`` the long tier. ``MINIRAG_TEST_DAY`` names the day, for two commands
that shall leave nothing out between them at midnight.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.chromium import chromium_path

NO_TESTS = 5  # pytest's exit code
SHARES = 5
SERVICE_VARIABLES = ("DATABASE_URL", "REDIS_URL", "QDRANT_URL")


def answers(url: str, default_port: int) -> bool:
    """Whether something listens there."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or default_port), 2):
            return True
    except OSError:
        return False


def missing_services(environ: dict[str, str]) -> str:
    """Why the service half cannot run, in words; empty when it can."""
    for name, port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
        if not environ.get(name):
            return f"{name} is not set"
        if not answers(environ[name], port):
            return f"{name} does not answer"
    return ""


def run_half(
    name: str, marks: str, environ: dict[str, str], extra: list[str], *, may_be_empty: bool
) -> int:
    """One pytest run. A half of the gate without a test in it is a failure, not a pass."""
    sys.stdout.write(f"== {name} half: pytest -m '{marks}' ==\n")
    sys.stdout.flush()
    # In our own order (tests/selection.py), not by the number of tests in a file. One worker more
    # than there are cores: those of servers and browsers mostly wait.
    spread = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "pytest", "-m", marks, *spread]
    # The tests' own bytecode is kept for the next half, which else would compile them all again.
    kept = {**environ, "PYTHONPYCACHEPREFIX": str(Path(sys.prefix) / "pycache")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    code = subprocess.run([*command, *extra], env=kept, check=False).returncode
    if code == NO_TESTS and may_be_empty:
        sys.stdout.write(f"The {name} half holds no test of this share.\n")
        return 0
    return code


def main(arguments: list[str]) -> int:
    long, rest = "--long" in arguments, "--rest" in arguments
    extra = [argument for argument in arguments if argument not in ("--long", "--rest")]
    tier = "long" if long else "not long"
    if not long:
        day = int(os.environ.get("MINIRAG_TEST_DAY") or time.time() // 86_400)
        today = f"{day % SHARES}/{SHARES}"
        extra += ["--heavy", f"!{today}" if rest else today]
    else:
        extra.append("-vv")  # few tests that take minutes: their names say which, and how far it is
    if chromium_path() is None:
        tier += " and not browser"
        sys.stdout.write("The browser tests did not run: there is no Chromium here.\n")
    embedded = {k: v for k, v in os.environ.items() if k not in SERVICE_VARIABLES}
    marks = f"({tier}) and not services"
    failed = run_half("embedded", marks, embedded, extra, may_be_empty=long or rest)
    why = missing_services(dict(os.environ))
    if why:
        sys.stdout.write(f"The service half (PostgreSQL, Redis) did not run: {why}.\n")
        return failed or int(os.environ.get("MINIRAG_REQUIRE_SERVICES") == "1")
    marks = f"({tier}) and services"
    return run_half("service", marks, dict(os.environ), extra, may_be_empty=long or rest) or failed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
