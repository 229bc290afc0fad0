"""Looking ahead at a source, deleting a tenant: by keyboard, narrow and wide, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api_client import Api
from tests.browser.conftest import Demo, Recorder, picture
from tests.browser.looks import LOOKS, Scheme, assert_fits, assert_readable

pytestmark = pytest.mark.browser
LONG = "# Long\n\n" + "word " * 50 + "\n\n" + "A" * 300


def log_in(page: Page, demo: Demo, site: str, person: dict[str, Any]) -> None:
    page.goto(f"{demo.url}/{site}/")
    page.get_by_label("E-mail").fill(person["email"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Log in").click()


@LOOKS
def test_preview(demo: Demo, pages: Recorder, width: int, scheme: Scheme) -> None:
    api = Api(int(demo.url.rpartition(":")[2]), demo.state["api_token"])
    files: dict[str, str | bytes] = {
        "a.md": LONG,
        "bad.pdf": b"%PDF-1.7 no",
        f"{'long-name-' * 12}.md": "# B\n\nWords.",
    }
    source = api.make_source(f"Preview {width} {scheme}", files)
    page = pages.open(width=width, color_scheme=scheme)
    log_in(page, demo, "console", demo.state["operator"])
    page.goto(f"{demo.url}/console/sources/source/{source}/change/")
    page.get_by_role("link", name="Preview").click()
    button = page.get_by_role("button", name="Look ahead")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="First passages")).to_be_visible()
    expect(page.get_by_role("cell", name="unreadable_source").first).to_be_visible()
    second = page.locator("details.sample summary").nth(1)
    second.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.sample[open]")).to_have_count(2)
    assert_fits(page)
    assert_readable(page)
    picture(page, f"preview-{width}-{scheme}")
    page.goto(f"{demo.url}/console/ingestion/ingestjob/")
    expect(page.locator("#result_list [data-label=Note]").first).to_be_visible()
    assert_fits(page)
    assert_readable(page)
    picture(page, f"jobs-{width}-{scheme}")


@LOOKS
def test_deleting_a_tenant(demo: Demo, pages: Recorder, width: int, scheme: Scheme) -> None:
    page = pages.open(width=width, color_scheme=scheme)
    log_in(page, demo, "admin", demo.state["platform_admin"])
    page.goto(f"{demo.url}/admin/tenants/tenant/{demo.state['tenant_id']}/delete/")
    slug = page.get_by_label("to go on")
    slug.fill("not it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was deleted")
    assert_fits(page)
    assert_readable(page)
    picture(page, f"delete-tenant-{width}-{scheme}")
