"""Of a web page all content is kept, however short; what goes is told by what it is."""

from __future__ import annotations

import pytest

from ingestion.parsing.html import parse_html

PROSE = (
    "To open an account at the library you visit the desk on the ground floor during opening hours "
    "and talk with the staff. ",
    "They will ask for several papers which prove who you are and where you live at the moment of "
    "your visit. ",
    "After that the card is printed at once and may be used in all branches of the city for "
    "lending books and films. ",
    "If the card is lost a new one is made against a small charge which is paid in cash at the "
    "same desk. ",
    "Readers under sixteen years need the consent of a parent who signs the form in front of the "
    "staff. ",
    "The card is valid for a year and is renewed by a visit or by a letter, though not by "
    "telephone calls. ",
)
TEXT = f"<p>{PROSE[0]}{PROSE[1]}</p><p>{PROSE[2]}{PROSE[3]}</p><p>{PROSE[4]}{PROSE[5]}</p>"
LINKS = "".join(f"<a href='/{word}'>All {word}</a> " for word in ("news", "games", "films"))
NEWS = (
    '<meta property="og:type" content="article">'
    '<meta property="article:published_time" content="2026-03-03">'
)


def text_of(body: str, head: str = "") -> str:
    nav = "<nav><a href=/>Home</a></nav>"
    return parse_html(f"<html><head>{head}</head><body>{nav}{body}</body></html>").text


def in_main(extra: str) -> str:
    return text_of(f"<main><h1>Library card</h1>{TEXT}{extra}{TEXT}</main>")


@pytest.mark.parametrize(
    ("block", "kept"),
    [
        ("<p>Bring with you:</p><ul><li>Passport</li><li>Two photos</li></ul>", "Two photos"),
        ("<ol><li>Remove the lid.</li><li>Replace fuse F3.</li></ol>", "Replace fuse F3."),
        ("<dl><dt>Fee</dt><dd>12 euros</dd><dt>Fine</dt><dd>2 euros</dd></dl>", "2 euros"),
        ("<div class=x><span>Room</span> <b>4.17</b></div>", "4.17"),
        ("<p class=meta>Costs 499 EUR</p>", "Costs 499 EUR"),
        ("<blockquote>No dogs.</blockquote>", "No dogs."),
        ("<figure><img src=a><figcaption>The desk in 1987</figcaption></figure>", "in 1987"),
        ("<div class=card><header><h2>Team</h2></header><p>Ann, Bob</p></div>", "Team"),
        ("<div class=card><p>Desk</p><footer>Open 9 to 17</footer></div>", "Open 9 to 17"),
        ("<section><h2>Questions and answers</h2><p>May I bring food? No.</p></section>", "No."),
        ("<p><a href='https://x.test/form.pdf'>The form</a></p>", "The form"),
    ],
)
def test_what_is_short_stays(block: str, kept: str) -> None:
    assert kept in in_main(block)


@pytest.mark.parametrize(
    "block",
    [
        f"<div>{LINKS}</div>",
        "<div class='share'>Share this: <a href='https://f.test'>Facebook</a></div>",
        "<div class='relatedPosts'>See also <a href='/a'>Gone words of another page</a></div>",
        "<div class='newsletter-box'><p>Gone words: let our news meet your inbox.</p></div>",
        "<div id='comments'><p>Gone words of a reader who liked it all very much.</p></div>",
        "<div class=cookie>Gone words: we store what you do. Accept all</div>",
    ],
)
def test_what_leads_away_goes(block: str) -> None:
    text = in_main(block)
    assert not any(word in text for word in ("Gone", "All games", "Facebook"))
    assert text.count("telephone calls") == 2


def test_a_product_is_more_than_its_description() -> None:
    facts = "<p>Price: 499 EUR</p><p>SKU 4711</p><ul><li>Weight 12 kg</li></ul><p>In stock</p>"
    contact = "<div class=contact><h2>Contact</h2><p>Main Street 5, Monday to Friday</p></div>"
    product = f"<div class=product><h2>Bike X</h2>{facts}<p>{PROSE[0]}{PROSE[1]}</p></div>"
    for page in (f"<main>{product}{contact}</main>", f"<h1>Shop</h1>{product}{contact}"):
        text = text_of(page)
        for kept in ("499 EUR", "SKU 4711", "Weight 12 kg", "In stock", "ground floor", "Street 5"):
            assert kept in text


def test_an_article_keeps_its_own_header_and_footer() -> None:
    header = "<header><h1>Cards</h1><p>By Jane, 3 March</p></header>"
    footer = "<footer>Author note: reviewed by Bob</footer>"
    text = text_of(f"<article>{header}{TEXT}{footer}</article><footer>Imprint</footer>")
    assert "By Jane, 3 March" in text and "reviewed by Bob" in text
    assert "Imprint" not in text and "Home" not in text


def test_a_dated_article_keeps_its_lists_and_not_its_apparatus() -> None:
    apparatus = (
        "<div class=author-bio>Jane has written of libraries for twenty years.</div>"
        "<figure class=image><img src=a><figcaption>Photograph: Jim Miller</figcaption></figure>"
    )
    wanted = "<p>Bring:</p><ul><li><div>Passport</div></li></ul><p class=fee>12 euros</p>"
    body = f"<article><h1>Cards</h1>{TEXT}{wanted}{apparatus}{TEXT}</article>"
    text = text_of(body, NEWS)
    assert "Passport" in text and "12 euros" in text
    assert "twenty years" not in text and "Jim Miller" not in text
    assert "twenty years" in text_of(body)


def test_a_picture_with_a_link_leaves_no_address() -> None:
    picture = "<p><a href='https://x.test/desk.jpg'><img src=a></a></p>"
    assert "desk.jpg" not in in_main(picture)


def test_a_deep_page_takes_no_time() -> None:
    page = "<div>a few words here " * 200 + TEXT * 3_000 + "</div>" * 200
    assert text_of(page).count("telephone calls") == 3_000
