"""The environment of the tests, set before Django reads it (``-p tests.environment``).

Development settings, secrets of their own, a throw-away data folder: never this folder's ``var``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile

_folder = tempfile.mkdtemp(prefix="minirag-tests-")


def _remove(owner: int = os.getpid()) -> None:
    """At the end of this process, not of a child that was forked from it."""
    if os.getpid() == owner:
        shutil.rmtree(_folder, ignore_errors=True)


atexit.register(_remove)

# What a shell starts in the background ignores SIGINT, and so would the servers that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(
    MINIRAG_ENV="development",
    SECRET_KEY="test-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF",
    MINIRAG_ENCRYPTION_KEYS="7v0q3Yb1u5mXn2k8w4c6Zr9t0aHd_eJfGiLoPsQxTyA=",
    MINIRAG_DATA_DIR=_folder,
    MINIRAG_FAKES="1",
)
