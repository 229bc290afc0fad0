"""This side of ``benchmarks/rivals.py``: its environment, an order, an answer."""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from minirag import tokens

_HERE = Path(__file__).resolve().parent
PYTHON = _HERE.parent / ".venv-rivals" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds of the split itself, chunks, wrong offsets; the pieces of each text if wanted."""

    wall: float
    cpu: float
    wrong: int
    count: int
    pieces: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rivals:
    """The interpreter of ``make rivals`` and the texts that all are given."""

    python: Path
    texts: Path

    def run(self, rival: str, size: int, overlap: int, **more: object) -> Answer:
        """Let ``rival`` split the texts in a process of its own."""
        order = {
            "rival": rival,
            "size": size,
            "overlap": overlap,
            "table": str(tokens.table_path()),
            "pattern": tokens.PATTERN,
            "texts": str(self.texts),
            **more,
        }
        done = subprocess.run(
            [str(self.python), str(_HERE / "rivals.py")],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{rival}: {done.stderr[-2000:]}")
        return Answer(**json.loads(done.stdout))


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rivals", type=Path, default=PYTHON, help="the Python that `make rivals` sets up"
    )
