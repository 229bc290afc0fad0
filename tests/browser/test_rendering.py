"""Answers, titles and passages are hostile text: whatever they hold, they stay text."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.hostile import CORPUS, SLOW

pytestmark = pytest.mark.browser

# Everything the renderer may make, and the attributes it may set.
ELEMENTS = (
    "p h3 h4 h5 h6 ul ol li table thead tbody tr th td pre code blockquote hr br strong em del a "
    "div button article header section span i svg path mark"
)
ATTRIBUTES = (
    "class href rel target start tabindex role aria-label aria-busy aria-hidden aria-pressed "
    "data-language data-marker data-rating type title viewBox d aria-expanded"
)


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
          const marked = [...panel.content.querySelectorAll("mark.chosen")];
          return { title: panel.title.textContent, rest: left(panel.content, found),
                   quote: marked.map((one) => one.textContent).join("") };

          // What the passage shows, in its order: nothing is left over that was not in the text.
          function left(content, { before, quote, after }) {
            const shown = content.querySelector(".passage").textContent;
            let at = 0;
            const all = before + quote + after;
            for (const one of all) at += shown.startsWith(one, at) ? one.length : 0;
            return shown.slice(at);
          }
        }""",
        text,
    )
    assert shown == {"title": text, "rest": "", "quote": "the quote"}
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
