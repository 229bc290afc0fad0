"""People who run things: console, platform admin, the API's pages, all of them opened once."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, Recorder, picture
from tests.browser.looks import LOOKS, Scheme, assert_fits, assert_readable

pytestmark = pytest.mark.browser

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|/\d+/")
_RESOURCES = (
    "tenants/me",
    "users",
    "api-tokens",
    "bot-profiles",
    "sources",
    "ingest-jobs",
    "chats",
    "usage",
    "usage/events",
    "audit-events",
)


def log_in(page: Page, demo: Demo, site: str, who: str) -> None:
    page.goto(f"{demo.url}/{site}/")
    page.fill("#id_username", demo.state[who]["email"])
    page.fill("#id_password", demo.state[who]["password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def links(page: Page, below: str) -> Iterator[str]:
    """Addresses below ``below`` that the page leads to; one filter at a time, not each pair."""
    for address in page.eval_on_selector_all("a[href]", "all => all.map((one) => one.href)"):
        if address.startswith(below) and "&" not in address:
            yield address.split("#")[0]


def kind_of(address: str) -> str:
    """The same for pages that differ in their object, or in the value of a filter, only."""
    return _ID.sub("ID", re.sub(r"=.*", "", address))


def crawl(page: Page, start: str, *, lists: bool) -> int:
    """Open everything below ``start``, one page of each kind; returns how many pages.

    With ``lists`` also every list by each of its orders and filters.
    """
    seen = {kind_of(start)}
    waiting = deque([start])
    while waiting:
        address = waiting.popleft()
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, f"{answer.status} {address}"
        for found in links(page, start):
            if kind_of(found) not in seen and (lists or "?" not in found):
                seen.add(kind_of(found))
                waiting.append(found)
    return len(seen)


@pytest.mark.parametrize("lists", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("site", "who"),
    [
        ("console", "operator"),
        pytest.param("admin", "platform_admin", marks=pytest.mark.long),
    ],
)
def test_every_page_opens_without_a_complaint_of_the_browser(
    demo: Demo, pages: Recorder, site: str, who: str, lists: bool
) -> None:
    page = pages.open()
    page.goto(demo.chat)
    page.fill("#question", "What does error code E14 mean?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer .tools")).to_be_visible()  # so that chats have a page too
    log_in(page, demo, site, who)
    assert crawl(page, f"{demo.url}/{site}/", lists=lists) >= 30


@LOOKS
def test_console_looks(demo: Demo, pages: Recorder, width: int, scheme: Scheme) -> None:
    page = pages.open(width=width, color_scheme=scheme)
    page.goto(f"{demo.url}/console/")
    assert_readable(page)
    picture(page, f"login-{width}-{scheme}")
    log_in(page, demo, "console", "operator")
    for path in ("", "ingestion/ingestjob/", "bots/botprofile/", "sources/source/add/"):
        page.goto(f"{demo.url}/console/{path}")
        assert_fits(page)
        assert_readable(page)
        picture(page, f"console-{path.replace('/', '-')}{width}-{scheme}")


def test_a_token_is_shown_once(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    log_in(page, demo, "console", "operator")
    page.goto(f"{demo.url}/console/tenants/apitoken/add/")
    page.fill("#id_name", "From the browser")
    page.check("input[value=read]")
    page.get_by_role("button", name="Save", exact=True).click()
    token = page.locator("#secret").inner_text()
    assert token.startswith("mrag_")
    assert_readable(page)
    picture(page, "token-once")
    page.set_viewport_size({"width": 390, "height": 800})
    box = page.locator(".shown-once pre").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390
    seen = page.locator(".shown-once pre").evaluate("(one) => one.scrollWidth - one.clientWidth")
    assert seen <= 0
    page.goto(f"{demo.url}/console/tenants/apitoken/")
    expect(page.locator("#result_list")).to_contain_text("From the browser")
    assert token not in page.content()


def test_an_ingest_is_started_and_watched(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    log_in(page, demo, "console", "operator")
    page.goto(f"{demo.url}/console/sources/source/")
    page.locator("#result_list input[type=checkbox]").first.check()
    page.select_option("select[name=action]", label="Ingest now")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    page.goto(f"{demo.url}/console/ingestion/ingestjob/")
    # The list refreshes itself: nobody reloads the page here.
    expect(page.locator("#result_list tbody tr").first).to_contain_text("succeeded")
    assert page.locator("#result_list progress").count() >= 1


def test_every_resource_is_a_page_and_its_forms_work(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    log_in(page, demo, "console", "operator")
    for path in _RESOURCES:
        answer = page.goto(f"{demo.url}/v1/{path}")
        assert answer is not None
        assert answer.status == 200, path
        expect(page.locator(".status")).to_have_text("HTTP 200 OK")
        assert_fits(page)
        assert_readable(page)
    page.goto(f"{demo.url}/v1/sources")
    picture(page, "browsable")
    form = page.locator("form[data-method=POST]")
    body = {"name": "From a form", "type": "text", "content": "The moon is made of cheese."}
    form.locator("textarea").fill(json.dumps(body))
    form.get_by_role("button", name="POST").click()
    expect(form.locator("output")).to_contain_text("HTTP 201")
    made = json.loads(form.locator("output").inner_text().split("\n\n", 1)[1])
    page.goto(f"{demo.url}/v1/sources/{made['id']}")
    form = page.locator("form[data-method=PATCH]")
    form.locator("textarea").fill('{"name": "Renamed"}')
    form.get_by_role("button", name="PATCH").click()
    expect(form.locator("output")).to_contain_text("Renamed")
    form = page.locator("form[data-method=DELETE]")
    form.get_by_label("Yes, delete this.").check()
    form.get_by_role("button", name="DELETE").click()
    expect(form.locator("output")).to_contain_text("HTTP 202")


def test_without_a_session_the_page_offers_a_log_in(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.goto(f"{demo.url}/v1/sources")
    expect(page.locator(".status")).to_contain_text("401")
    page.get_by_role("link", name="Log in").first.click()
    page.fill("#id_username", demo.state["operator"]["email"])
    page.fill("#id_password", demo.state["operator"]["password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".status")).to_have_text("HTTP 200 OK")
    assert page.url == f"{demo.url}/v1/sources"
    page.get_by_role("button", name="Log out").click()
    expect(page.locator(".status")).to_contain_text("401")
    # The browser itself notes each 401.
    pages.problems = [one for one in pages.problems if "401" not in one]


@LOOKS
def test_the_reference(demo: Demo, pages: Recorder, width: int, scheme: Scheme) -> None:
    page = pages.open(width=width, color_scheme=scheme)
    page.goto(f"{demo.url}/v1/docs#chat")
    expect(page.locator("#chat .example")).to_be_visible()
    expect(page.locator("#chat .example pre")).to_contain_text("curl")
    assert_fits(page)
    assert_readable(page)
    picture(page, f"docs-{width}-{scheme}")
    everything = page.locator(".call").count()
    assert everything > 40
    page.fill("#search", "citations")
    expect(page.locator(".call:visible")).to_have_count(1)
    page.fill("#search", "")
    expect(page.locator(".call:visible")).to_have_count(everything)
