"""Blocks to a web page as a shop's website would serve it.

The page carries what real pages carry around their text (navigation, cookie notice, teaser,
newsletter form, footer), so that the demo shows that a loader keeps the article and drops the rest.
"""

from __future__ import annotations

from html import escape

from minirag.demo.builders.blocks import Block, HeadingBlock, ListBlock, Paragraph, Table, title_of

# Phrases of the page's frame; a test holds that none of them is part of an article.
FRAME_PHRASES = (
    "We use only the cookies that this site needs",
    "Skip to content",
    "Subscribe to the harbour letter",
    "Registered in England and Wales",
)

_PAGE = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} | Havelock Cycles</title>
<meta name="description" content="{description}">
<link rel="canonical" href="https://www.havelock.example/{slug}">
<style>body{{font:16px/1.5 sans-serif;margin:0}}main{{max-width:46rem;margin:auto}}</style>
<script>window.basket = window.basket || [];</script>
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<div class="cookie-banner" role="dialog" aria-label="Cookies">
<p>We use only the cookies that this site needs. <button type="button">All right</button></p>
</div>
<header class="site-header">
<a class="logo" href="/">Havelock Cycles</a>
<nav aria-label="Main">
<ul>
<li><a href="/products">Bikes</a></li>
<li><a href="/accessories">Accessories</a></li>
<li><a href="/shops-and-opening-hours">Shops</a></li>
<li><a href="/support-faq">Help</a></li>
<li><a href="/warranty-and-returns">Warranty</a></li>
<li><a href="/basket">Basket (0)</a></li>
</ul>
</nav>
</header>
<nav class="breadcrumb" aria-label="Breadcrumb"><a href="/">Home</a> / <span>{title}</span></nav>
<main id="content">
<article>
{article}
</article>
</main>
<aside class="teaser" aria-label="You may also like">
<h2>You may also like</h2>
<ul>
<li><a href="/stories/midwife">The midwife and the longtail</a></li>
<li><a href="/stories/bakery">Forty loaves before six</a></li>
</ul>
</aside>
<form class="newsletter" action="/newsletter" method="post">
<label for="mail">Subscribe to the harbour letter</label>
<input id="mail" type="email" name="mail" placeholder="you@example.org">
<button type="submit">Subscribe</button>
</form>
<footer class="site-footer">
<p>Havelock Cycles Limited. Registered in England and Wales. All prices include VAT.</p>
<nav aria-label="Footer">
<a href="/imprint">Imprint</a> <a href="/privacy">Privacy</a> <a href="/jobs">Jobs</a>
</nav>
</footer>
</body>
</html>
"""


def render_html(blocks: list[Block], slug: str) -> bytes:
    """A complete page, UTF-8."""
    description = next(block.text for block in blocks if isinstance(block, Paragraph))
    return _PAGE.format(
        title=escape(title_of(blocks)),
        description=escape(description, quote=True),
        slug=slug,
        article="\n".join(_element(block) for block in blocks),
    ).encode()


def _element(block: Block) -> str:
    match block:
        case HeadingBlock():
            return f'<h{block.level} id="{block.anchor}">{escape(block.text)}</h{block.level}>'
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case ListBlock():
            tag = "ol" if block.numbered else "ul"
            items = "\n".join(f"<li>{escape(item)}</li>" for item in block.items)
            return f"<{tag}>\n{items}\n</{tag}>"
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    head, *body = table.rows
    rows = [_row(head, "th"), "</thead>", "<tbody>", *(_row(row, "td") for row in body)]
    return "\n".join(["<table>", "<thead>", *rows, "</tbody>", "</table>"])


def _row(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
