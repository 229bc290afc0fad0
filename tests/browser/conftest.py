"""A real Chromium, a real demo server, and pages that keep a record of what went wrong on them."""

from __future__ import annotations

import gc
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    sync_playwright,
)

from minirag.middleware import CONTENT_POLICY
from tests.browser.chromium import chromium_path
from tests.conftest import ROOT
from tests.demo_server import demo_server

ARTIFACTS = ROOT / "artifacts"
ORIGIN = "http://chat.test"
STATIC = ROOT / "templates" / "static" / "minirag"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><body>
<div id="room"></div><dialog id="panel"><div><h2 data-title tabindex="-1"></h2>
<div data-place></div></div><button data-close>x</button>
<div data-content></div></dialog></body></html>"""
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)


# One module at a time: while Playwright runs, Django takes its thread for an event loop's.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    assert path, "the browser tests need Chromium; leave them out with -m 'not browser'"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(_SWITCHES))
        yield started
        started.close()
    gc.collect()  # the driver's greenlets end in the thread that made them, not in another one's


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is ready."""

    url: str
    state: dict[str, Any]

    @property
    def chat(self) -> str:
        return f"{self.url}/chat/{self.state['widget_public_id']}/"


# One for every module that this worker runs.
@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo whose documents are read."""
    with demo_server(tmp_path_factory) as state:
        yield Demo(state["base_url"], state)


@dataclass(slots=True)
class Recorder:
    """Opens pages; what a page must not do is kept and shown at the end of the test."""

    browser: Browser
    origin: str
    problems: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, *, width: int = 1280, height: int = 860, **options: Any) -> Page:
        """A page of a fresh visitor."""
        size = {"width": width, "height": height}
        context = self.browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self._console(message))
        page.on("pageerror", lambda error: self.problems.append(f"error in script: {error}"))
        page.on("request", lambda request: self._request(request.url))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:", "about:")):
            self.problems.append(f"request to another origin: {url}")

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def pages(browser: Browser, demo: Demo) -> Iterator[Recorder]:
    """Pages on the demo, clean at the end: no script error, no refused content, no other origin."""
    recorder = Recorder(browser, demo.url)
    yield recorder
    recorder.close()
    assert not recorder.problems


def picture(page: Page, name: str) -> None:
    """Keep what a person would see."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", animations="disabled")


# --- the chat's scripts alone, without a server ----------------------------------------------


@pytest.fixture(scope="module")
def shared(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page with the product's scripts and policy, served from files; other requests are kept."""
    page = browser.new_page()
    strangers: list[str] = []

    def answer(route: Route) -> None:
        url = route.request.url
        if not url.startswith(f"{ORIGIN}/"):
            strangers.append(url)
            route.abort()
            return
        file = STATIC / url.removeprefix(f"{ORIGIN}/").split("?")[0]
        headers = {"content-security-policy": CONTENT_POLICY}
        if url == f"{ORIGIN}/":
            route.fulfill(body=PAGE, content_type="text/html", headers=headers)
        elif file.is_file():
            route.fulfill(body=file.read_bytes(), content_type=mime(file), headers=headers)
        else:
            strangers.append(url)
            route.fulfill(status=404)

    page.route("**/*", answer)
    page.on("dialog", lambda dialog: strangers.append(f"dialog: {dialog.message}"))
    page.on("popup", lambda popup: strangers.append(f"popup: {popup.url}"))
    page.goto(f"{ORIGIN}/")
    yield page, strangers
    page.close()


@pytest.fixture
def page(shared: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page; at the end no script has run and nobody else was asked for anything."""
    found, strangers = shared
    strangers.clear()
    yield found
    assert strangers == []
    assert found.evaluate("window.pwned") is None
    assert found.url == f"{ORIGIN}/"


def mime(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"
