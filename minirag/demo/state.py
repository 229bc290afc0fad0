"""What the demo remembers: its credentials and ids, for people and scripts.

``demo.json`` exists only when the set is ingested; until then the same content waits in a draft.
Both are readable by their owner only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypedDict, cast

from django.conf import settings


class Account(TypedDict):
    email: str
    password: str


class DemoState(TypedDict):
    """The public file, as scripts read it."""

    base_url: str
    operator: Account
    platform_admin: Account
    api_token: str
    tenant_id: str
    bot_profile_id: str
    bot_slug: str
    widget_public_id: str


def final_path() -> Path:
    return Path(settings.MINIRAG_DATA_DIR) / "demo.json"


def draft_path() -> Path:
    return Path(settings.MINIRAG_DATA_DIR) / "demo.draft.json"


def read_state() -> DemoState | None:
    """The demo of this folder, ingested or not; None where there is none."""
    for path in (final_path(), draft_path()):
        try:
            return cast(DemoState, json.loads(path.read_text()))
        except FileNotFoundError:
            continue
    return None


def write_draft(state: DemoState) -> None:
    """Remember the credentials before the set is ingested; the demo is not announced yet."""
    _write(draft_path(), state)
    final_path().unlink(missing_ok=True)


def announce(state: DemoState) -> None:
    """The set is ingested: from now on ``demo.json`` is there."""
    _write(final_path(), state)
    draft_path().unlink(missing_ok=True)  # credentials lie in one place


def _write(path: Path, state: DemoState) -> None:
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(state, handle, indent=2)
        handle.write("\n")
    part.replace(path)
