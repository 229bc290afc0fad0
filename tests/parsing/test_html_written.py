"""Web pages as they are written: XHTML with a DTD, frames, layouts by tables, signs that mark."""

from __future__ import annotations

import time

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.sniff import detect
from minirag.errors import UnreadableSource

WORDS = "Some words that stand in a paragraph of the page, enough of them to be its content. " * 3


def parse(markup: str, key: str = "a.html") -> Built:
    return parse_bytes(markup.encode(), Hints(key), ContentLimits())


def rest(body: str) -> str:
    """What ``body`` becomes below a paragraph."""
    return parse(f"<html><body><p>{WORDS}</p>{body}</body></html>").text[len(WORDS) - 1 :].strip()


@pytest.mark.parametrize("key", ["a.xhtml", "a.html", "a"])
def test_a_dtd_of_its_own_is_no_text_but_its_entities_are(key: str) -> None:
    page = (
        '<?xml version="1.0"?>\n<!-- one --><!-- two -->\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML'
        ' 1.0//EN" "x.dtd" [<!ENTITY co "Acme &amp; Sons"> <!ENTITY % x "y">]>\n<html><body>'
        "<p>By &co;&nbsp;now &unknown;</p><p><![CDATA[1 < 2]]></p></body></html>"
    )
    assert parse(page, key).text == "By Acme & Sons now &unknown;\n\n1 < 2"


def test_entities_that_repeat_each_other_unfold_to_nothing_large() -> None:
    page = '<!DOCTYPE html [<!ENTITY a "' + "x" * 500 + '">]><html><body><p>' + "&a;" * 9_000
    assert len(parse(page).text) < 1_100_000


def test_comments_before_a_page_take_no_time() -> None:
    began = time.process_time()
    assert detect(b"<!---->" * 500 + b"x", Hints("a.txt")) == "text"
    assert parse("<!---->" * 500 + "<html><body><p>words").text == "words"
    page = "<?xml version='1.0'?><html><body><p>words</p>" + "<![CDATA[" * 50_000
    assert parse(page, "a.xhtml").text == "words"
    assert "words" in parse("<html><frameset><p>words</p>" + "<frame " * 100_000).text
    assert time.process_time() - began < 2.0


def test_words_instead_of_frames_and_scripts() -> None:
    page = "<html><frameset><frame src='a'><noframes><p>No frames</p></noframes></frameset>"
    assert parse(page).text == "No frames"
    assert parse(f"<html><body><noscript><p>{WORDS}</p></noscript></body>").text == WORDS.strip()
    with pytest.raises(UnreadableSource, match="no text"):
        parse("<html><body><div id=app></div><noscript>Please enable scripts.</noscript></body>")
    assert rest(f"<noscript><p>{WORDS} again</p></noscript>") == ""


def test_links_lead_from_where_the_page_says() -> None:
    page = f'<html><head><base href="https://x.test/docs/"></head><body><p>{WORDS}</p>'
    assert parse(page + '<p><a href="a.html">Read on</a></p>').text.endswith(
        "[Read on](https://x.test/docs/a.html)"
    )


def test_a_table_that_only_places_things_is_none() -> None:
    inner = "<table><tr><th>Day</th><th>Hours</th></tr><tr><td>Mon</td><td>8</td></tr></table>"
    layout = f"<table><tr><td><h2>Times</h2><p>one</p></td><td>{inner}</td></tr></table>"
    text = rest(layout)
    assert text.startswith("## Times\n\none\n\n| Day | Hours |") and text.endswith("| Mon | 8 |")
    assert rest("<table><tr><td>one</td></tr><tr><td>two</td></tr></table>") == "one\n\ntwo"


@pytest.mark.parametrize(
    ("first", "head"),
    [
        ("<td><h3>Tea</h3></td><td><h3><b>Price</b> in €</h3></td>", "| Tea | **Price** in € |"),
        ("<td></td><td><h4>Price</h4></td>", "| | Price |"),
        ("<th><h3>Tea</h3></th><th><h2>Price</h2></th>", "| Tea | Price |"),
        ("<td>Tea</td><td>Price</td>", "| Tea | Price |"),
    ],
)  # fmt: skip
def test_headings_that_name_columns_or_rows_split_no_table(first: str, head: str) -> None:
    named = "<tr><td><h4>Green</h4></td><td>3</td></tr><tr><td><h4>Black</h4></td><td>4</td></tr>"
    for rows in (named, named.replace("h4", "i").replace("<i>", "").replace("</i>", "")):
        lines = rest(
            f"<table><caption><h3>Ours</h3></caption><tr>{first}</tr>{rows}</table>"
        ).split("\n")
        assert (lines[0], lines[2], *lines[4:]) == (
            "*Ours*",
            head,
            "| Green | 3 |",
            "| Black | 4 |",
        )
    listed = (
        f"<table><thead><tr>{first}</tr></thead><tr><td>a</td><td><ul><li>b</ul></td></tr></table>"
    )
    assert rest(listed).startswith(head)


def test_headings_of_what_a_table_places_stay_headings() -> None:
    heads = "<tr><td><h3>News</h3></td><td><h3>Events</h3></td></tr>"
    for below in (f"<p>{WORDS}</p>", "<ul><li>one</ul>", "<h4>one</h4>two"):
        text = rest(f"<table>{heads}<tr><td>{below}</td><td>two</td></tr></table>")
        assert text.startswith("### News\n\n### Events\n\n")
    beside = f"<table><tr><td><h3>News</h3></td><td>{WORDS}</td></tr><tr><td>a</td></tr></table>"
    assert rest(beside).startswith("### News\n\n")


def test_a_table_in_a_cell_keeps_its_rows_apart() -> None:
    inner = "<table><tr><td>Mon</td><td>8</td></tr><tr><td>Tue</td><td>9</td></tr></table>"
    outer = (
        f"<table><tr><th>Shop</th><th>Times</th></tr><tr><td>A</td><td>{inner}</td></tr></table>"
    )
    assert "| A | Mon, 8; Tue, 9 |" in rest(outer)
    deep = f"<table><tr><td>x<p>y</p><p>z</p></td><td>in {inner} out</td></tr></table>"
    assert "| A | x y z, in Mon, 8; Tue, 9 out |" in rest(outer.replace(inner, deep))
    named = inner.replace("<table>", "<table><caption>Open</caption>")
    assert "| A | Open: Mon, 8; Tue, 9 |" in rest(outer.replace(inner, named))


@pytest.mark.parametrize(
    "words",
    [
        r"C:\new\table", r"\\server\share\file", r"a\\b", r"\( x \) and \alpha", r"2 \* 3 \_ 4 \.",
        r"$x \in \{1\}$ and $\alpha_1$", r"$$\frac{a}{b} \{x\}$$",
        "+ plus", "1. one", "2021. was good", "# hash", "- dash", "a*b*c my_var_x", "end\\",
    ],
)  # fmt: skip
def test_signs_of_a_page_stay_what_they_are(words: str) -> None:
    assert rest(f"<p>{words}</p>") == words
    assert rest(f"<p><code>{words}</code></p>").strip("`") == words


def test_control_characters_in_a_page_are_no_words() -> None:
    cell = "<table><tr><th>a</th><td><table><tr><td>b&#1;</td></tr></table>c&#2;</td></tr></table>"
    raised = "<p>x<sup>2&#x3;</sup>&#4;y m<sup>a&#005;3</sup>\x01<a href='/'>z</a>&#xFFFE;</p>"
    text = rest(raised + cell)
    assert text == "x^2 y m^a3z\n\n| a | b c |\n| --- | --- |"
    assert rest("<p>&#10;&#x41;&#31;&#310;&#x1F600;&#55296;&#9;b</p>") == "AĶ😀 b"
