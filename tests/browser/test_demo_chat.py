"""A stranger on the demo asks, sees the answer come, opens its source: by mouse, keys, phone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, Recorder, picture
from tests.browser.looks import LOOKS, Scheme, assert_fits, assert_readable

pytestmark = pytest.mark.browser

LEAVE = "How many days of annual leave do full-time employees get?"
NO_SOCKETS = """
window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.(), 0); } close() {} };
"""


def frames_of(page: Page) -> list[dict[str, Any]]:
    """Everything that will come in by WebSocket, as it comes."""
    found: list[dict[str, Any]] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda text: found.append(json.loads(text))),
    )
    return found


def ask(page: Page, text: str) -> None:
    page.fill("#question", text)
    page.keyboard.press("Enter")


def test_a_suggested_question_gets_a_cited_answer(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    frames = frames_of(page)
    page.goto(demo.url)
    page.get_by_role("link", name=LEAVE).click()
    answer = page.locator(".answer")
    expect(answer.locator(".sources")).to_be_visible()
    expect(answer).to_contain_text("28 days of paid annual leave")
    assert "#" not in page.url  # asked once, not again at a reload
    kinds = [frame["type"] for frame in frames]
    assert kinds[:2] == ["start", "retrieval"]
    assert kinds[-1] == "done"
    texts = "".join(frame["text"] for frame in frames if frame["type"] == "delta")
    assert texts == frames[-1]["answer"]
    picture(page, "chat-answer")

    marker = answer.locator("button.cite").first
    marker.click()
    panel = page.get_by_role("dialog")
    expect(panel.locator("h2")).to_have_text("People and leave")
    quote = panel.locator("mark.chosen")
    expect(quote).to_be_in_viewport()
    assert quote.inner_text() == frames[-1]["citations"][0]["quote"]
    expect(panel.locator(".passage")).not_to_have_text(quote.inner_text())
    picture(page, "chat-citation")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(marker).to_be_focused()


def test_by_keyboard_alone(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.goto(demo.chat)
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("What does error code E14 mean?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Please.")
    assert page.input_value("#question").endswith("mean?\nPlease.")
    page.keyboard.press("Enter")
    expect(page.locator(".answer .tools")).to_be_visible()
    expect(page.locator("#voice")).to_contain_text("E14")
    page.focus("body")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('button.cite')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#panel mark.chosen")).to_be_visible()
    expect(page.locator("#panel .page")).to_contain_text("Page")
    page.keyboard.press("Escape")
    expect(page.locator("button.cite").first).to_be_focused()


def test_a_chosen_suggestion_leaves_the_focus_on_the_question(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.goto(demo.chat)
    page.locator(".chip").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    expect(page.locator(".answer .tools")).to_be_visible()


def test_a_passage_with_a_table_is_shown_without_its_marks(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    frames = frames_of(page)
    page.goto(demo.chat)
    ask(page, "How long is the warranty on the frame?")
    page.locator("button.cite").first.click()
    passage = page.locator("#panel .passage")
    expect(passage.get_by_role("cell", name="10 years")).to_be_visible()
    assert "|" not in passage.inner_text()
    assert "##" not in passage.inner_text()
    marked = "".join(passage.locator("mark.chosen").all_text_contents())
    assert marked == frames[-1]["citations"][0]["quote"]


def test_without_a_script_nothing_is_offered_that_needs_one(demo: Demo, pages: Recorder) -> None:
    page = pages.open(java_script_enabled=False)
    page.goto(demo.chat)
    expect(page.locator("noscript .failure")).to_have_text("This chat needs JavaScript.")
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("textbox")).to_have_count(0)


def test_without_sockets_the_answer_comes_by_events(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.add_init_script(NO_SOCKETS)
    page.goto(demo.chat)
    with page.expect_response(lambda one: one.url == f"{demo.url}/v1/chat") as asked:
        ask(page, LEAVE)
    assert asked.value.headers["content-type"].startswith("text/event-stream")
    expect(page.locator(".answer .sources")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("28 days")


def test_a_chat_goes_on_and_comes_back_after_a_reload(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.goto(demo.chat)
    ask(page, LEAVE)
    expect(page.locator(".answer .sources")).to_have_count(1)
    ask(page, "How long is the warranty on the frame?")
    expect(page.locator(".answer .sources")).to_have_count(2)
    page.get_by_role("button", name="Good answer").last.click()
    expect(page.get_by_role("button", name="Good answer").last).to_have_attribute(
        "aria-pressed", "true"
    )
    before = page.locator("#log").inner_text()
    page.reload()
    expect(page.locator(".answer .sources")).to_have_count(2)
    assert page.locator("#log").inner_text() == before
    expect(page.get_by_role("button", name="Good answer").last).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#welcome")).to_be_visible()


def test_a_refusal_is_calm(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.goto(demo.chat)
    ask(page, "What is the capital of Mongolia?")
    expect(page.locator(".answer.refused")).to_be_visible()
    expect(page.locator(".failure, button.cite")).to_have_count(0)


def test_a_question_beyond_the_limit_is_held_back(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    page.goto(demo.chat)
    page.fill("#question", "😀" * 32_000)  # 64,000 UTF-16 units, 32,000 characters
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    page.fill("#question", "😀" * 32_001)
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(page.locator("[data-count]")).to_contain_text("32,001 of 32,000")


def test_no_chat_at_an_unknown_address(demo: Demo, pages: Recorder) -> None:
    page = pages.open()
    answer = page.goto(f"{demo.url}/chat/bot_unknown/")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading")).to_have_text("There is no chat at this address.")
    # The browser itself notes each 404.
    pages.problems = [one for one in pages.problems if "404" not in one]


@LOOKS
def test_looks(demo: Demo, pages: Recorder, width: int, scheme: Scheme) -> None:
    page = pages.open(width=width, color_scheme=scheme, reduced_motion="reduce")
    page.goto(demo.url)
    assert_fits(page)
    assert_readable(page)
    picture(page, f"home-{width}-{scheme}")
    page.goto(demo.chat)
    assert_readable(page)
    ask(page, LEAVE)
    expect(page.locator(".answer .tools")).to_be_visible()
    assert_fits(page)
    assert_readable(page)
    page.locator("button.cite").first.click()
    expect(page.locator("#panel mark.chosen")).to_be_in_viewport()
    assert_readable(page)
    picture(page, f"chat-{width}-{scheme}")
