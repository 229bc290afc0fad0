"""The world is built once per module and committed: chats answer from threads of their own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test.utils import override_settings

from chat import event_logs
from minirag import wiring
from minirag.vectorstores.memory import MemoryStore
from tests.matrix.bodies import COUNT
from tests.matrix.world import World, build_world

FLOOR = Path(__file__).with_name("floor.json")


def _set_up_database(request: pytest.FixtureRequest) -> None:
    """pytest-django makes the database that marks ask for; ours asks once for a whole module."""
    node = request.node
    node.add_marker(pytest.mark.django_db)
    request.getfixturevalue("django_db_setup")
    node.own_markers.pop()


def _count_cases(request: pytest.FixtureRequest) -> None:
    """Tell the number of cases; it may grow (UPDATE_SNAPSHOTS=1 keeps it), never shrink."""
    options = request.config.option
    name = Path(str(request.node.path)).stem
    if options.keyword or any("::" in one for one in request.config.args):
        return
    if "long" not in options.markexpr.replace("not long", ""):
        floors: dict[str, int] = json.loads(FLOOR.read_text()) if FLOOR.exists() else {}
        if os.environ.get("UPDATE_SNAPSHOTS") == "1":
            floors[name] = COUNT["cases"]
            FLOOR.write_text(json.dumps(floors, indent=1, sort_keys=True) + "\n")
        assert COUNT["cases"] >= floors[name], "the matrix shrank"
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stderr.write(f"\nmatrix {name}: {COUNT['cases']} cases\n")


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[World]:
    _set_up_database(request)
    quick = override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        MINIRAG_RATE_API=0,
        MINIRAG_RATE_CHAT=0,
        MINIRAG_RATE_WIDGET=0,
        MINIRAG_FAKES=True,
    )
    before = wiring._store
    with quick, django_db_blocker.unblock():
        assert django_settings.MINIRAG_RATE_API == 0
        wiring._store = MemoryStore()
        event_logs.event_log.cache_clear()
        COUNT["cases"] = 0
        try:
            yield build_world()
            _count_cases(request)
        finally:
            call_command("flush", verbosity=0, interactive=False)
            wiring._store = before
            event_logs.event_log.cache_clear()
