"""The passage behind a citation: drawn as it is meant to be read, its quote marked in place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.hostile import SLOW

pytestmark = pytest.mark.browser


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


def drawn(page: Page, before: str, quote: str, after: str, title: str = "A page") -> str:
    """The markup of a passage whose quote is shown."""
    found: str = page.evaluate(
        """async ([before, quote, after, title]) => {
          const { drawn } = await import("/chat/drawn.js");
          const parts = [[before, null], [quote, "chosen"], [after, null]]
            .map(([text, mark]) => ({ text, mark }));
          const room = document.getElementById("room");
          room.replaceChildren(...drawn(parts, title));
          return room.innerHTML.replaceAll(' class="chosen"', "");
        }""",
        [before, quote, after, title],
    )
    return found


@pytest.mark.parametrize(
    ("before", "quote", "after", "markup"),
    [
        ("## Leave\n\n", "Ten days.", " No more.", "<h4>Leave</h4><mark>Ten days.</mark> No more."),
        ("a\n\n## ", "Le", "ave ##\nb", "a\n\n<h4><mark>Le</mark>ave</h4>b"),
        ("It is **very", " bo", "ld**.", "It is <strong>very<mark> bo</mark>ld</strong>."),
        ("See [the ", "pa", "ge](https://a.test/).", "See the <mark>pa</mark>ge."),
        ("```sh\n# ", "x", "\n```\n", "<pre><code># <mark>x</mark></code></pre>"),
        ("x\n```\n**a** ", "b", "", "x\n<strong>a</strong> <mark>b</mark>"),
        ("2 * 3 | 4 and ", "#5", " - 6", "2 * 3 | 4 and <mark>#5</mark> - 6"),
    ],
)
def test_a_passage_is_drawn_around_its_quote(
    page: Page, before: str, quote: str, after: str, markup: str
) -> None:
    assert drawn(page, before, quote, after) == markup


def test_a_quote_in_a_table_stays_in_its_cells(page: Page) -> None:
    """Also where the passage begins or ends within the table."""
    frame, motor = "| Frame 🚲 | 10 years |", "| Motor | 3 years |"
    rows = "".join(
        f"<tr><td>{a}</td><td>{b}</td></tr>"
        for a, b in (("<mark>Frame 🚲</mark>", "<mark>10 years</mark>"), ("Motor", "3 years"))
    )
    whole = drawn(page, "| Part | Time |\n| --- | --- |\n", frame, f"\n{motor}\n\nMore.")
    head = "<thead><tr><th>Part</th><th>Time</th></tr></thead>"
    assert f"<table>{head}<tbody>{rows}</tbody></table></div>More." in whole
    cut = drawn(page, "---- | --- |\n", frame, f"\n{motor}\n| Bat")
    assert f"<table><tbody>{rows}<tr><td>Bat</td></tr></tbody></table>" in cut


def test_source_code_is_shown_as_it_is(page: Page) -> None:
    text = "# a comment\n", "x = 1", "\n| y |"
    assert drawn(page, *text, title="main.py") == "# a comment\n<mark>x = 1</mark>\n| y |"


@pytest.mark.parametrize("name", sorted(SLOW))
def test_hostile_passages_take_no_time(page: Page, name: str) -> None:
    drawn(page, "warm", "x", "")
    spent: float = page.evaluate(
        """async (text) => {
          const { drawn } = await import("/chat/drawn.js");
          const begun = performance.now();
          drawn([{ text, mark: null }]);
          return performance.now() - begun;
        }""",
        SLOW[name],
    )
    assert spent < 1_500, f"{spent:.0f} ms"
