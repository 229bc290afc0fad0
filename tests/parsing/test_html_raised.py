"""A raised number does not become a part of the number before it."""

from __future__ import annotations

import pytest

from ingestion.parsing.html import parse_html, whole_page


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("10<sup>6</sup> N and 10<sup>-3</sup> m", "10^6 N and 10^-3 m"),
        ("It costs 50<sup>1</sup> euros", "It costs 50^1 euros"),
        ("<b>10</b><sup>6</sup> N", "**10**^6 N"),
        ("5 m<sup>2</sup> and x<sup>n+1</sup>", "5 m^2 and x^(n+1)"),
        ("a warranty<sup>1</sup> of", "a warranty [1] of"),
        ("at 50<sup><a href='#n1'>1</a></sup> euros", "at 50 [1] euros"),
        ("at 50<a href='#n1'><sup>1</sup></a> euros", "at 50 [1] euros"),
        ("the end.<sup>2</sup>", "the end. [2]"),
        ("the 2<sup>nd</sup> and 1<sup>e</sup>", "the 2nd and 1e"),
        ("H<sub>2</sub>O", "H2O"),
        ("101<sub>2</sub> is 5", "101_2 is 5"),
        ("10<sup>6</sup>5", "10^6 5"),
    ],
)
def test_raised_and_lowered_characters(markup: str, text: str) -> None:
    page = f"<html><body><p>{markup}</p></body></html>"
    assert parse_html(page).text == text
    assert whole_page(page).text == text


def test_many_of_them_take_no_time() -> None:
    text = parse_html(f"<html><body><p>{'7<sup>2</sup> ' * 50_000}</p></body></html>").text
    assert text.count("7^2") == 50_000
