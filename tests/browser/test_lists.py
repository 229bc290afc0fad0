"""Lists of both sites: they fit, look after themselves, and lead on, by keyboard and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.api_client import Api
from tests.browser.conftest import Demo, Recorder, picture
from tests.browser.looks import assert_fits, assert_readable
from tests.browser.test_demo_console import log_in

pytestmark = pytest.mark.browser

UNBROKEN = "Donaudampfschifffahrt" * 8
_LONG = UNBROKEN[:164]
_LISTS = (
    "sources/source/",
    f"sources/document/?q={_LONG}",
    f"sources/chunk/?q={_LONG}",
    "ingestion/ingestjob/",
)
_ENDED = 'job-state ended succeeded">succeeded'
_RUNNING = 'job-state active running">running'


# The admin's lists have one column more.
@pytest.mark.parametrize(
    ("site", "who"),
    [
        ("admin", "platform_admin"),
        pytest.param("console", "operator", marks=pytest.mark.long),
    ],
)
def test_lists_with_a_long_value_fit(demo: Demo, pages: Recorder, site: str, who: str) -> None:
    api = Api(int(demo.url.rpartition(":")[2]), demo.state["api_token"])
    source = api.make_source(_LONG, {f"{_LONG}.md": f"# {_LONG}\n\n{_LONG}"})
    api.finish(api.ingest(source))
    page = pages.open(width=1280)
    log_in(page, demo, site, who)
    for path in _LISTS:
        page.goto(f"{demo.url}/{site}/{path}")
        expect(page.locator("#result_list")).to_contain_text(UNBROKEN[:60])
        for part in (".results", ".changelist-form-container"):
            wide = page.locator(part).evaluate("(one) => one.scrollWidth - one.clientWidth")
            assert wide <= 0, f"{page.url}: {part} scrolls sideways by {wide} px"
        assert_fits(page)


def under_way_at_first(page: Page, address: str, *, refused: int = 0) -> None:
    """The page at ``address`` shows its job as running until it reads itself again.

    The first ``refused`` readings fail.
    """
    left = [refused]

    def answer(route: Route) -> None:
        if route.request.resource_type != "document" and left[0]:
            left[0] -= 1
            route.abort()
            return
        response = route.fetch()
        text = response.text()
        if route.request.resource_type == "document":
            assert _ENDED in text
            text = text.replace(_ENDED, _RUNNING, 1)
        route.fulfill(response=response, body=text)

    page.route(address, answer)


def test_the_list_of_jobs_keeps_the_focus_while_it_refreshes(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    log_in(page, demo, "console", "operator")
    address = f"{demo.url}/console/ingestion/ingestjob/?state__exact=succeeded"
    under_way_at_first(page, address, refused=1)
    page.clock.install()
    page.goto(address)
    row = page.locator("#result_list tbody tr").first
    link = row.locator("th a")
    link.focus()
    row.locator("input").check()
    link.focus()
    status = page.locator("#content > [role=status]")
    page.clock.run_for(2_100)
    expect(status).to_contain_text("could not be read again")
    expect(row).to_contain_text("running")
    page.clock.run_for(4_100)
    expect(row).to_contain_text("succeeded")
    expect(status).to_contain_text("succeeded")
    expect(link).to_be_focused()
    expect(row.locator("input")).to_be_checked()
    # The browser itself notes the refused reading.
    pages.problems = [one for one in pages.problems if "ERR_FAILED" not in one]


def test_the_page_of_a_job_refreshes_itself(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    log_in(page, demo, "console", "operator")
    page.goto(f"{demo.url}/console/ingestion/ingestjob/?state__exact=succeeded")
    href = page.locator("#result_list tbody th a").first.get_attribute("href")
    assert href
    address = f"{demo.url}{href.split('?')[0]}"
    under_way_at_first(page, address)
    page.clock.install()
    page.goto(address)
    state = page.locator(".field-shown_state .job-state")
    expect(state).to_have_text("running")
    page.clock.run_for(2_100)
    expect(state).to_have_text("succeeded")
    expect(page.locator("#content > [role=status]")).to_have_text("succeeded")


def test_a_list_on_a_phone(demo: Demo, pages: Recorder) -> None:
    """Its sections, filters and order are reached, by keyboard too; every focus is seen."""
    page = pages.open(width=390)
    log_in(page, demo, "console", "operator")
    page.goto(f"{demo.url}/console/sources/source/")
    for link in page.locator("#result_list thead a:visible, #action-toggle").all():
        box = link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 16
    page.locator("#action-toggle").check()
    expect(page.locator("tbody .action-select").first).to_be_checked()
    page.locator("#result_list thead").get_by_role("link", name="Name").click()
    page.locator("#changelist-filter > summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Filters")).to_be_visible()
    page.locator(".sections summary").focus()
    page.keyboard.press("Enter")
    sections = page.get_by_role("navigation", name="Sections")
    expect(sections.get_by_role("link", name="Sources")).to_have_attribute("aria-current", "page")
    assert_fits(page)
    assert_readable(page)
    picture(page, "phone-list")
    sections.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
