"""XSS-HDR: every page of HTML has a strict policy, whoever asks and however it ends."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.matrix.answers import content_of
from tests.matrix.bodies import COUNT
from tests.matrix.document import operations
from tests.matrix.test_console import CONSOLE, path
from tests.matrix.world import World

HTML = {"accept": "text/html,application/xhtml+xml"}
# Sources of a policy that would let a stranger's script in, or a secret out.
LOOSE = re.compile(r"'unsafe-(inline|eval|hashes)'|\*|https?:|data:")
OPEN = (
    "/", "/v1/docs", "/nothing", "/chat/nothing/", "/console/", "/console/login/", "/admin/",
    "/admin/login/", "/console/invitation/x", "/v1/sources", "/v1/nothing", "/%00", "/static/none",
)  # fmt: skip


def directives(policy: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in policy.split(";") if part.strip())
    return {name: rest for name, _, rest in parts}


def strict(answer: Any, address: str) -> None:
    COUNT["cases"] += 1
    assert answer["X-Content-Type-Options"] == "nosniff", address
    if not answer.get("Content-Type", "").startswith("text/html"):
        return
    policy = directives(answer["Content-Security-Policy"])
    assert {"default-src", "frame-ancestors", "base-uri", "form-action"} <= set(policy), address
    for name in ("default-src", "script-src", "connect-src", "frame-src", "object-src"):
        allowed = policy.get(name, policy["default-src"])
        assert not LOOSE.search(allowed), (address, name, allowed)
    assert answer.get("X-Frame-Options", "DENY") in ("DENY", "SAMEORIGIN")
    assert b"<script>" not in content_of(answer), address  # the policy would not run it


@pytest.mark.parametrize("address", OPEN)
@pytest.mark.parametrize("who", ["nobody", "own session", "superuser session"])
def test_pages_for_anybody(address: str, who: str, world: World) -> None:
    for method in ("get", "post", "delete"):
        strict(getattr(world.clients[who], method)(address, headers=HTML), address)


def test_every_list_and_form_of_both_sites(world: World) -> None:
    for model in CONSOLE:
        for site, who in (("console", "own session"), ("admin", "superuser session")):
            for deed in ("", "add/", "nothing/change/"):
                address = path(model, site) + deed
                strict(world.clients[who].get(address, headers=HTML), address)


def test_every_browsable_page(world: World) -> None:
    """Also where it is refused: an error page is a page."""
    for call in operations():
        if call.method == "get":
            address = call.path.replace("{marker}", "1")
            for name in call.path_ids:
                address = address.replace(f"{{{name}}}", world.a.live[name])
            for who in ("own session", "suspended session", "other session"):
                strict(world.clients[who].get(address, headers=HTML), address)
