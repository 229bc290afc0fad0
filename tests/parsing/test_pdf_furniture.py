"""Running titles and page numbers are no part of a document's text."""

from __future__ import annotations

import pytest

from ingestion.parsing.document import ContentLimits
from ingestion.parsing.pdf import parse_pdf, tidy
from ingestion.parsing.pdf_furniture import without_furniture
from tests.parsing.makers import make_pdf

PARAGRAPH = (
    "The machine of this kind was tested for a long time in our workshop by the river and is sold "
    "with a warranty of ten years against cracks in the welds of the frame"
)


def test_titles_and_page_numbers_go_and_the_text_stays() -> None:
    bodies = ["Bolts and nuts.", "The frame.", "Brakes, front and rear.", "Index"]
    numbered = enumerate(bodies, 1)
    pages = [f"Manual 2024\n{body}\n{body[::-1]}\nPage {n} of 4" for n, body in numbered]
    assert without_furniture(pages) == [f"{body}\n{body[::-1]}" for body in bodies]


def test_rows_of_a_table_at_the_edges_stay() -> None:
    pages = [f"Row {n * n} 17\nRow {n * n + 3} 18\nRow {n * n + 5} 20" for n in range(4, 9)]
    assert without_furniture(pages) == pages


def test_lines_inside_a_page_stay_even_when_they_recur() -> None:
    pages = [f"a{n * 'x'}\nb{n * 'y'}\nWarning\nc{n * 'z'}\nd{n * 'w'}" for n in range(1, 5)]
    assert without_furniture(pages) == pages


def test_a_short_document_keeps_what_it_repeats() -> None:
    pages = ["Total: 5\nsum", "Total: 6\nsum"]
    assert without_furniture(pages) == pages


def test_a_page_of_furniture_only_becomes_empty() -> None:
    pages = ["Title\nreal one", "Title\nreal two", "Title\nreal three", "Title"]
    assert without_furniture(pages) == ["real one", "real two", "real three", ""]


def test_pages_that_are_all_alike_are_kept() -> None:
    assert without_furniture(["Label 5"] * 4) == ["Label 5"] * 4


def test_a_line_that_ends_in_a_number_runs_on_too() -> None:
    line = "The speed sensor gives no signal. Error code E14"
    assert tidy(f"{line}\nmeans a battery") == f"{line} means a battery"
    assert tidy("E04\nNo signal from speed") == "E04\nNo signal from speed"


@pytest.mark.parametrize(
    "line",
    [
        "Article {0}470{0}",
        "Weight: {0} kg",
        "Invoice number 2026{0}",
        "Model 10{0}",
        "Model – 470{0}",
        "Chapter {0}",
        "470{0}",
        PARAGRAPH + ", number {0}.",
        PARAGRAPH + ".",
    ],
)
def test_what_counts_up_or_is_long_is_no_page_number(line: str) -> None:
    pages = [f"{line.format(n)}\n{n * 'x'}\n{n * 'y'}\n{line.format(n)}" for n in range(1, 8)]
    assert without_furniture(pages) == pages


@pytest.mark.parametrize(
    "line",
    ["{0}", "- {0} -", "34{0}", "{0} / 7", "Seite {0} von 7", "Manual | {0}", "Manual, p. {0}"],
)
def test_page_numbers_of_all_kinds_go(line: str) -> None:
    pages = [f"{n * 'x'}\n{n * 'y'}\n{n * 'z'}\n{line.format(n)}" for n in range(1, 8)]
    assert without_furniture(pages) == [f"{n * 'x'}\n{n * 'y'}\n{n * 'z'}" for n in range(1, 8)]


def test_a_price_list_keeps_its_numbers() -> None:
    listed = [
        [(f"Article {4700 + n}", -1), (f"Price: {n * n + 7} EUR", -1), (f"Weight: {n + 2} kg", -1)]
        for n in range(1, 9)
    ]
    text = parse_pdf(make_pdf(listed), "", ContentLimits()).text
    assert all(words in text for page in listed for words, _ in page)
