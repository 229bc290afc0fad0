"""Answers, titles and passages are hostile text: whatever they hold, they stay text."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from minirag.middleware import CONTENT_POLICY
from tests.browser.hostile import CORPUS, SLOW
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

ORIGIN = "http://chat.test"
STATIC = ROOT / "templates" / "static" / "minirag"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><body>
<div id="room"></div><dialog id="panel"><div><h2 data-title tabindex="-1"></h2>
<div data-place></div></div><button data-close>x</button>
<div data-content></div></dialog></body></html>"""
# Everything the renderer may make, and the attributes it may set.
ELEMENTS = (
    "p h3 h4 h5 h6 ul ol li table thead tbody tr th td pre code blockquote hr br strong em del a "
    "div button article header section span i svg path mark"
)
ATTRIBUTES = (
    "class href rel target start tabindex role aria-label aria-busy aria-hidden aria-pressed "
    "data-language data-marker data-rating type title viewBox d aria-expanded"
)


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


def render(page: Page, text: str) -> str:
    """The markup that ``text`` becomes, with markers 1 and 2 known."""
    found: str = page.evaluate(
        """async (text) => {
          const { markdown } = await import("/chat/markdown.js");
          const { el } = await import("/chat/dom.js");
          const cite = (n) => n < 3 ? el("button", { class: "cite" }, String(n)) : null;
          const room = document.getElementById("room");
          room.replaceChildren(markdown(text, cite));
          return room.innerHTML;
        }""",
        text,
    )
    return found


def strange_nodes(page: Page) -> list[str]:
    """Elements, attributes and addresses of the room that the renderer must never make."""
    found: list[str] = page.evaluate(
        """async ([elements, attributes]) => {
          const bad = [];
          const [known, set] = [elements.split(" "), attributes.split(" ")];
          for (const node of document.querySelectorAll("#room *, #panel [data-content] *")) {
            if (!known.includes(node.localName)) bad.push(node.localName);
            for (const { name, value } of node.attributes) {
              if (!set.includes(name)) bad.push(`${node.localName} ${name}=${value}`);
            }
            if (node.localName !== "a") continue;
            if (!/^https?:/.test(node.href)) bad.push(node.href);
            if (!node.rel.includes("noopener") || !node.rel.includes("ugc")) bad.push(node.rel);
          }
          // A picture that fails to load takes a turn of the event loop to say so.
          const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
          await frame();
          await frame();
          return bad;
        }""",
        [ELEMENTS, ATTRIBUTES],
    )
    return found


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_answers_stay_text(page: Page, text: str) -> None:
    render(page, text)
    assert strange_nodes(page) == []


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_titles_and_passages_stay_text(page: Page, text: str) -> None:
    shown = page.evaluate(
        """async (text) => {
          const { AnswerTurn } = await import("/chat/turns.js");
          const { SourcePanel } = await import("/chat/panel.js");
          const found = { title: text, heading_path: [text, text], page: 3, url: text,
                          before: text, quote: "the quote", after: text };
          const panel = new SourcePanel(document.getElementById("panel"), async () => found);
          const deeds = { grown() {}, rate: async () => true,
                          open: (id, quote, opener) => panel.open(id, quote, opener) };
          const turn = new AnswerTurn(text, deeds);
          document.getElementById("room").replaceChildren(turn.node);
          const begin = [...text].length;
          turn.finish({ id: "1", content: "The answer [1]", status: "completed", feedback: null,
            citations: [{ marker: 1, title: text, page: 3, url: text, quote: "the quote",
                          start: begin, end: begin + 9 }] });
          turn.node.querySelector(".cite").click();
          await new Promise((resolve) => requestAnimationFrame(resolve));
          return { title: panel.title.textContent,
                   passage: panel.content.querySelector(".passage").textContent };
        }""",
        text,
    )
    assert shown == {"title": text, "passage": f"{text}the quote{text}"}
    assert strange_nodes(page) == []


@pytest.mark.parametrize("name", sorted(SLOW))
def test_hostile_shapes_take_no_time(page: Page, name: str) -> None:
    render(page, "warm")
    spent: float = page.evaluate(
        """async (text) => {
          const { markdown } = await import("/chat/markdown.js");
          const begun = performance.now();
          markdown(text);
          return performance.now() - begun;
        }""",
        SLOW[name],
    )
    assert spent < 1_500, f"{spent:.0f} ms"


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a **b** *c* `d`", "<p>a <strong>b</strong> <em>c</em> <code>d</code></p>"),
        ("# One\n\ntwo", "<h3>One</h3><p>two</p>"),
        ("- a\n- b\n  - c", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> a\n> b", "<blockquote><p>a\nb</p></blockquote>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        ("snake_case_name and 2*3*4", "<p>snake_case_name and 2<em>3</em>4</p>"),
        ("![secret](https://evil.test/x.png)", "<p>secret</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        (r"\*not\* <b>bold</b>", "<p>*not* &lt;b&gt;bold&lt;/b&gt;</p>"),
    ],
)
def test_markdown(page: Page, text: str, markup: str) -> None:
    assert render(page, text) == markup


def test_code_table_link_and_markers(page: Page) -> None:
    code = render(page, "```python\na < b [1]\n```")
    assert '<code data-language="python">a &lt; b [1]</code>' in code
    table = render(page, "| a | b |\n|---|:-:|\n| 1 \\| 2 | **3** |")
    assert "<th>a</th><th>b</th>" in table
    assert "<td>1 | 2</td><td><strong>3</strong></td>" in table
    link = render(page, "See [the page](https://example.org/a?b=c).")
    assert 'href="https://example.org/a?b=c"' in link
    assert 'rel="noopener noreferrer nofollow ugc"' in link
    cited = render(page, "So it is [1][2], not [7] nor `[1]`.")
    assert cited.count('class="cite"') == 2
    assert "not [7] nor <code>[1]</code>" in cited


def test_quotes_are_found_by_code_points(page: Page) -> None:
    """An emoji is one character for the server and two for the browser."""
    before, quote, between, other = "😀😀 At first. ", "Ten 🚲 bikes.", " Then ", "two 🦦 more."
    start = 100
    second = start + len(quote) + len(between)
    quotes: list[dict[str, Any]] = [
        {"quote": quote, "start": start, "end": start + len(quote)},
        {"quote": other, "start": second, "end": second + len(other)},
    ]
    found = {"before": before, "quote": quote, "after": f"{between}{other} The end."}
    pieces = page.evaluate(
        """async ([found, quotes]) => {
          const { pieces } = await import("/chat/passage.js");
          return JSON.stringify(pieces(found, quotes, 1));
        }""",
        [found, quotes],
    )
    assert [(one["text"], one["mark"]) for one in json.loads(pieces)] == [
        (before, None),
        (quote, "other"),
        (between, None),
        (other, "chosen"),
        (" The end.", None),
    ]
