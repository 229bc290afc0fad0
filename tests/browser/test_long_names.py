"""Pages of rows with long names: nothing sticks out, is cut off or lies over something else."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.api_client import Api
from tests.browser.conftest import Demo, Recorder, picture
from tests.browser.looks import assert_fits
from tests.browser.test_demo_console import log_in
from tests.browser.test_lists import UNBROKEN

pytestmark = pytest.mark.browser


def box(page: Page, part: str) -> dict[str, float]:
    found = page.locator(part).first.bounding_box()
    assert found is not None, part
    return {"y": found["y"], "height": found["height"]}


def test_a_long_name_has_its_place(demo: Demo, pages: Recorder) -> None:
    api = Api(int(demo.url.rpartition(":")[2]), demo.state["api_token"])
    source = api.make_source(UNBROKEN[:164], {"long.md": "# Long"})
    words = {"name": UNBROKEN[:164], "welcome_message": UNBROKEN, "suggested_questions": [UNBROKEN]}
    bot = api.post("bot-profiles", widget={"enabled": True}, **words)
    page = pages.open(width=1280)
    log_in(page, demo, "console", "operator")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{demo.url}/console/")
        assert_fits(page)
        page.goto(f"{demo.url}/chat/{bot['widget']['public_id']}/")
        assert_fits(page)
        assert box(page, ".chat-top")["height"] < 100
        page.goto(f"{demo.url}/console/sources/source/{source}/change/")
        assert_fits(page)
        picture(page, f"long-name-{width}")
        name, tools = box(page, "#content > h2"), box(page, ".object-tools li")
        below, above = sorted((name, tools), key=lambda one: one["y"], reverse=True)
        assert below["y"] >= above["y"] + above["height"] - 1, (width, name, tools)
