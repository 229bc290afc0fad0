"""Slides by what stands where, books with their notes, texts with tables in tables."""

from __future__ import annotations

import io
from itertools import pairwise

import pptx
from pptx.util import Cm

from ingestion.parsing.document import ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from tests.parsing.makers import make_epub, make_odt, make_zip


def read(data: bytes, key: str) -> str:
    return parse_bytes(data, Hints(key), ContentLimits()).text


def test_shapes_are_read_by_their_places_not_by_what_lies_above_what() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    body, title = slide.placeholders[1], slide.shapes.title
    body.text_frame.text = "body of the layout"
    title.text_frame.text = "Title"
    places = {
        "bottom": (1, 16), "right below": (13, 2), "left": (1, 0), "right": (13, 0),
        "left below": (1, 1.2),
    }  # fmt: skip
    for words, (left, top) in places.items():
        box = slide.shapes.add_textbox(Cm(left), Cm(top), Cm(8), Cm(1))
        box.text_frame.text = words
    group = slide.shapes.add_group_shape()
    for words, top in (("group last", 17.6), ("group first", 17.2)):
        box = group.shapes.add_textbox(Cm(1), Cm(top), Cm(8), Cm(0.3))
        box.text_frame.text = words
    out = io.BytesIO()
    deck.save(out)
    text = read(out.getvalue(), "a.pptx")
    order = ("Title", "left", "right", "left below", "right below", "body of the layout", "bottom",
             "group first", "group last")  # fmt: skip
    places_found = [text.index(f"{words}\n" if words != order[-1] else words) for words in order]
    assert all(one < other for one, other in pairwise(places_found)), text


def test_a_layout_is_read_once_for_all_its_slides() -> None:
    deck = pptx.Presentation()
    for number in range(60):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.placeholders[1].text_frame.text = f"words {number}"
    out = io.BytesIO()
    deck.save(out)
    built = parse_bytes(out.getvalue(), Hints("a.pptx"), ContentLimits(inflated_bytes=500_000))
    assert "words 59" in built.text


def test_a_book_has_the_notes_that_only_links_lead_to() -> None:
    note = '<p>Text<a epub:type="noteref" href="n.xhtml">1</a> more.</p>'
    package = (
        '<package><manifest><item id="n" href="n.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="t" href="t.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '</manifest><spine><itemref idref="c"/></spine></package>'
    )
    files = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": b'<container><rootfile full-path="b.opf"/></container>',
        "b.opf": package.encode(),
        "c.xhtml": f"<html><body>{note}</body></html>".encode(),
        "n.xhtml": b"<html><body><p>1. Said so himself.</p></body></html>",
        "t.xhtml": b"<html><body><p>Contents</p></body></html>",
    }
    assert read(make_zip(files), "a.epub") == "Text [1] more.\n\n1. Said so himself."
    assert read(make_epub({"1.xhtml": "<p>x</p>"}), "a.epub") == "x"


def test_a_table_in_a_cell_of_odt_is_told_once() -> None:
    def row(*cells: str) -> str:
        inside = "".join(f"<table:table-cell>{cell}</table:table-cell>" for cell in cells)
        return f"<table:table-row>{inside}</table:table-row>"

    def words(text: str) -> str:
        return f"<text:p>{text}</text:p>"

    rows = row(words("Mon"), words("8")) + row(words("Tue"), words("9"))
    inner = f"<table:table>{rows}</table:table>"
    names = row(words("Shop"), words("Times"))
    head = f"<table:table-header-rows>{names}</table:table-header-rows>"
    outer = f"<table:table>{head}{row(words('A'), inner)}</table:table>"
    hidden = f'<text:section text:display="none">{words("hidden")}</text:section>'
    assert read(make_odt(outer + hidden), "a.odt") == "Shop | Times\nA | Mon, 8; Tue, 9"


def test_a_text_box_in_a_text_box_of_odt_is_told_once() -> None:
    def boxed(inside: str) -> str:
        return f"<text:frame><text:text-box>{inside}</text:text-box></text:frame>"

    def words(text: str, box: str = "") -> str:
        return f"<text:p>{text}{box}</text:p>"

    deep = words("inner")
    for _ in range(30):
        deep = words("", boxed(deep))
    outer = boxed(words("outer", boxed(deep)))
    assert read(make_odt(words("text", outer)), "a.odt") == "text\n\nouter\n\ninner"
    heading = f'<text:h text:outline-level="1">Title{outer}</text:h>'
    assert read(make_odt(heading), "a.odt") == "Title\n\nouter\n\ninner"
    cells = "".join(
        f"<table:table-cell>{cell}</table:table-cell>"
        for cell in (words("text", outer), words("b"))
    )
    table = f"<table:table><table:table-row>{cells}</table:table-row></table:table>"
    assert read(make_odt(table), "a.odt") == "text outer inner | b"
