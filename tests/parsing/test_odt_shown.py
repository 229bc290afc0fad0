"""ODT: numbers of lists and headings as they are counted, headers and footers of pages."""

from __future__ import annotations

import time

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from minirag.errors import UnreadableSource
from tests.parsing.makers import make_zip

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "style", "text", "table")
)
LEVELS = "".join(
    f'<text:list-level-style-number text:level="{level}" style:num-format="{kind}" {more}/>'
    for level, kind, more in (
        (1, "1", 'style:num-suffix="."'),
        (2, "a", 'style:num-suffix=")"'),
        (3, "1", 'style:num-suffix="." text:display-levels="3" text:start-value="4"'),
    )
)
LISTS = (
    f'<text:list-style style:name="L1">{LEVELS}</text:list-style>'
    '<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1"/>'
    '<text:list-level-style-number text:level="2" style:num-format="I" style:num-prefix="("'
    ' style:num-suffix=")"/></text:list-style>'
    '<text:list-style style:name="L3"><text:list-level-style-number text:level="1"/>'
    "</text:list-style>"
)
OUTLINE = (
    '<text:outline-style><text:outline-level-style text:level="1" style:num-format="1"/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"'
    ' style:num-suffix="."/><text:outline-level-style text:level="3" style:num-format=""/>'
    "</text:outline-style>"
)


def odt(body: str, *, lists: str = "", styles: str = "", pages: str = "") -> bytes:
    around = (
        f"<office:document-styles {NAMES}><office:styles>{styles}</office:styles>"
        f"<office:master-styles>{pages}</office:master-styles></office:document-styles>"
    )
    return raw_odt(body, lists, around.encode())


def raw_odt(body: str, lists: str, styles: bytes) -> bytes:
    content = (
        f"<office:document-content {NAMES}><office:automatic-styles>{lists}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    kind = b"application/vnd.oasis.opendocument.text"
    return make_zip({"mimetype": kind, "content.xml": content.encode(), "styles.xml": styles})


def parse(data: bytes) -> Built:
    return parse_bytes(data, Hints("a.odt"), ContentLimits())


def listed(*items: str, style: str = "", more: str = "") -> str:
    named = f' text:style-name="{style}"' if style else ""
    return f"<text:list{named} {more}>{''.join(items)}</text:list>"


def item(*inside: str, more: str = "") -> str:
    words = (one if one.startswith("<") else f"<text:p>{one}</text:p>" for one in inside)
    return f"<text:list-item {more}>{''.join(words)}</text:list-item>"


def shown(body: str) -> list[str]:
    return [line for line in parse(odt(body, lists=LISTS)).text.split("\n") if line]


def test_items_have_the_numbers_that_are_counted() -> None:
    deepest = listed(item("deep"), item("deeper"))
    inner = listed(item("one", deepest), item("two", "more of it"))
    body = listed(item("first", inner), item("second", listed(item("again"))), style="L1")
    assert shown(body) == [
        "1. first", "a) one", "1.a.4. deep", "1.a.5. deeper", "b) two", "more of it", "2. second",
        "a) again",
    ]  # fmt: skip


def test_a_list_begins_anew_unless_it_goes_on() -> None:
    lists = [
        listed(item("a"), item("b"), style="L1", more='xml:id="x"'),
        listed(item("c"), style="L1"),
        listed(item("d"), style="L1", more='text:continue-numbering="true"'),
        listed(item("e"), style="L1", more='text:continue-list="x"'),
        listed(item("f", more='text:start-value="7"'), item("g"), style="L1"),
        listed(item("h"), style="L1", more='text:continue-list="none"'),
    ]
    numbered = ["1. a", "2. b", "1. c", "2. d", "3. e", "7. f", "8. g", "1. h"]
    between = [line for line in shown("<text:p>between</text:p>".join(lists)) if line[1] == "."]
    assert shown("".join(lists)) == between == numbered


def test_what_is_no_item_has_no_number() -> None:
    header = "<text:list-header><text:p>Rules</text:p></text:list-header>"
    nested = item(listed(item("alone")))
    body = listed(header, item("a"), nested, item("<text:p/>", "late"), item("b"), style="L1")
    assert shown(body) == ["Rules", "1. a", "a) alone", "2. late", "3. b"]
    assert shown(listed(item("a", listed(item("b"))), style="L2")) == ["- a", "(I) b"]
    assert shown(listed(item("a"), style="L3")) == ["a"]
    assert shown(listed(item("a"), style="unknown")) == ["- a"]
    said = item("<text:number>9.9</text:number>", "a")
    assert shown(listed(said, style="L1")) == ["9.9 a"]


def test_numbers_of_items_in_cells_stay() -> None:
    cells = "".join(
        f"<table:table-cell>{listed(item('a'), item('b'), style=style)}</table:table-cell>"
        for style in ("L1", "L2")
    )
    assert shown(f"<table:table><table:table-row>{cells}</table:table-row></table:table>") == [
        "1. a 2. b | a b"
    ]


def test_headings_have_the_numbers_of_the_outline() -> None:
    def heading(level: int, words: str, more: str = "") -> str:
        return f'<text:h text:outline-level="{level}" {more}>{words}</text:h>'

    none = '<style:style style:name="N" style:family="paragraph" style:list-style-name=""/>'
    based = none.replace('"N"', '"B"').replace('list-style-name=""', 'parent-style-name="N"')
    body = "".join([
        heading(1, "One"), heading(2, "Deep"), heading(2, "Deeper"), heading(3, "Deepest"),
        heading(1, "None", 'text:is-list-header="true"'), heading(1, "Out", 'text:style-name="B"'),
        heading(1, ""), heading(1, "<text:number>2</text:number>Two"),
        heading(2, "Last", 'text:restart-numbering="true" text:start-value="5"'),
    ])  # fmt: skip
    built = parse(odt(body, lists=based, styles=none + OUTLINE))
    assert [title for *_, title in built.headings] == [
        "1 One", "1.1. Deep", "1.2. Deeper", "Deepest", "None", "Out", "2 Two", "1.5. Last",
    ]  # fmt: skip


def page(name: str, inside: str, more: str = "") -> str:
    return f'<style:master-page style:name="{name}" {more}>{inside}</style:master-page>'


def test_headers_and_footers_of_pages_stand_once_behind_the_text() -> None:
    number = "<text:p>Page <text:page-number>1</text:page-number> of <text:s/>9</text:p>"
    acme = "<text:p>Acme</text:p>"
    table = (
        f"<table:table><table:table-row><table:table-cell>{acme}</table:table-cell>"
        "</table:table-row></table:table>"
    )
    usual = f"<style:header>{table}{number}</style:header>"
    secret = f"<style:header><text:p>Strictly confidential</text:p>{acme}</style:header>"
    annex = (
        '<style:header style:display="false"><text:p>not shown</text:p></style:header>'
        f"<style:footer-left><text:p>Version 2.1</text:p>{number}</style:footer-left>"
    )
    pages = (
        page("Standard", usual, 'style:next-style-name="B"')
        + page("B", secret, 'style:next-style-name="Standard"')
        + page("Unused", "<style:header><text:p>of a template</text:p></style:header>")
        + page("Annex", annex)
    )
    begins = (
        '<style:style style:name="P1" style:family="paragraph" style:master-page-name="Annex"/>'
    )
    data = odt("<text:p>Words</text:p>", lists=begins, pages=pages)
    assert parse(data).text == "Words\n\nAcme\n\nStrictly confidential\n\nVersion 2.1"


def test_styles_that_cannot_be_read_leave_the_text() -> None:
    body = listed(item("a"), style="L1")
    for styles in (b"", b"<a><b></a>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        assert parse(raw_odt(body, LISTS, styles)).text == "1. a"
    bomb = raw_odt(body, LISTS, b"<a>" + b" " * 9_000_000)
    with pytest.raises(UnreadableSource, match="unfolds"):
        parse_bytes(bomb, Hints("a.odt"), ContentLimits(inflated_bytes=1_000_000))


def test_hostile_numbers_are_bounded() -> None:
    level = (
        '<text:list-level-style-number text:level="1" style:num-format="a"'
        f' text:display-levels="99999" style:num-prefix="{"x" * 9_000}" text:start-value="999999"/>'
    )
    circle = '<style:style style:name="P" style:family="paragraph" style:parent-style-name="P"/>'
    deep = listed(item("y")) * 3
    for _ in range(60):
        deep = listed(item("x", deep))
    body = listed(*(item("a") for _ in range(20_000)), style="H") + deep
    began = time.process_time()
    heading = '<text:h text:style-name="P">T</text:h>'
    lists = f'<text:list-style style:name="H">{level}</text:list-style>'
    pages = page("A", "<style:footer/>", 'style:next-style-name="A"')
    data = odt(heading + body, lists=lists, styles=circle + OUTLINE, pages=pages)
    text = parse(data).text
    assert text.startswith("1 T") and len(text) < 20_000 * 70
    assert time.process_time() - began < 5.0
