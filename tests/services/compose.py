"""What docker-compose.yml runs, so that tests run the very same commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.processes import ROOT


def compose() -> dict[str, Any]:
    """The file as Compose reads it: anchors and merges resolved."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def command_of(service: str, changed: Mapping[str, str]) -> list[str]:
    """The command of ``service``, with the values after some options changed.

    A changed option that the file does not have is an error: the two would drift apart.
    """
    command: list[str] = list(compose()["services"][service]["command"])
    for option, value in changed.items():
        command[command.index(option) + 1] = value
    return command
