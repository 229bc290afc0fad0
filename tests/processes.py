"""Real processes of MiniRAG for tests and benchmarks: started, waited for, killed, cleaned up."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
# Of the machine's environment a child gets these only: no setting of the outer run leaks in.
_KEPT = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
_PAUSE = 0.05


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 30.0) -> float:
    """Look until ``ready`` holds; returns the seconds it took. For what other processes do."""
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(_PAUSE)
    return time.monotonic() - begun


def new_secrets() -> dict[str, str]:
    """Secrets that production starts with."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "MINIRAG_ENCRYPTION_KEYS": new_key(),
    }


def new_key() -> str:
    """One encryption key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a child: our interpreter first on the path, ``more``, and little else."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    return {
        **kept,
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONFAULTHANDLER": "1",
        "MINIRAG_DATA_DIR": str(data_dir),
        **more,
    }


@dataclass(slots=True)
class Process:
    """A child in a group of its own, whose output goes to a file."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def running(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def end(self, seconds: float = 30.0) -> int:
        """SIGTERM, then its exit code."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 30.0) -> int:
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end:\n{self.output}") from None

    def kill_group(self) -> None:
        """SIGKILL to it and all its children, as a machine that loses power."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.popen.wait(10)


@dataclass(slots=True)
class Processes:
    """All children of one test; none outlives it."""

    folder: Path
    environ: dict[str, str]
    started: list[Process] = field(default_factory=list)

    def start(
        self, name: str, command: Sequence[str], extra: Mapping[str, str] | None = None
    ) -> Process:
        """Start ``command`` from the project's folder."""
        log = self.folder / f"{name}-{len(self.started)}.log"
        with log.open("wb") as out:
            popen = subprocess.Popen(
                list(command),
                cwd=ROOT,
                env={**self.environ, **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self.started.append(process)
        return process

    def run(
        self,
        name: str,
        command: Sequence[str],
        extra: Mapping[str, str] | None = None,
        *,
        code: int = 0,
        seconds: float = 90.0,
    ) -> str:
        """Run ``command`` to its end, which must be ``code``; returns what it printed."""
        process = self.start(name, command, extra)
        ended = process.wait(seconds)
        assert ended == code, f"{name} ended with {ended}:\n{process.output}"
        return process.output

    def manage(self, *arguments: str, extra: Mapping[str, str] | None = None, code: int = 0) -> str:
        """``manage.py …`` to its end."""
        command = [sys.executable, "manage.py", *arguments]
        return self.run(arguments[0], command, extra, code=code)

    def serve(self, port: int, extra: Mapping[str, str] | None = None) -> Process:
        """``manage.py serve`` on loopback, ready."""
        command = [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)]
        process = self.start(f"serve-{port}", command, extra)
        wait_until_up(process, port)
        return process

    def close(self) -> None:
        for process in reversed(self.started):
            process.kill_group()


def wait_until_up(
    process: Process, port: int, seconds: float = 40.0, path: str = "/healthz"
) -> None:
    """Until it answers; its output is shown where it dies instead."""

    def up() -> bool:
        assert process.running(), f"{process.name} ended:\n{process.output}"
        return is_up(port, path)

    wait_for(f"{process.name} answers on {port}", up, seconds)


def is_up(port: int, path: str = "/healthz") -> bool:
    """Whether the server there is alive."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def processes(folder: Path, environ: dict[str, str]) -> Iterator[Processes]:
    """Children that end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    group = Processes(folder, environ)
    try:
        yield group
    finally:
        group.close()
