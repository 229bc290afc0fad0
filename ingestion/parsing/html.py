"""Web pages: find the main content, keep its structure, drop navigation."""

from __future__ import annotations

from contextlib import suppress

from html_to_markdown import ConversionOptions, convert
from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring, tostring

from ingestion.parsing.document import Built, clean_title
from ingestion.parsing.html_around import drop, is_dated_article, prune_around
from ingestion.parsing.html_content import content_words, main_content
from ingestion.parsing.html_flat import flat
from ingestion.parsing.html_prolog import as_html, without_controls
from ingestion.parsing.html_raised import mark_raised
from ingestion.parsing.html_tables import fill_spans, open_layouts
from ingestion.parsing.markdown import parse_markdown
from minirag.errors import UnreadableSource

_NO_TEXT = (
    "script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas",
    "button", "select", "input", "textarea", "link", "meta",
)  # fmt: skip
# Fewer words only say that scripts are needed.
_SAYS_SOMETHING = 20
_OPTIONS = ConversionOptions(
    extract_metadata=False, skip_images=True, escape_misc=False, autolinks=False
)


def parse_html(markup: str, url: str | None = None) -> Built:
    """Main content as Markdown-like text. Raises ``UnreadableSource`` where there is none."""
    tree = _tree(markup)
    fill_spans(tree)
    mark_raised(tree)
    title = _title(tree)
    url = url or _base(tree)
    words, dated = content_words(tree), is_dated_article(tree)
    _drop_silent(tree)
    prune_around(tree)
    body = tree.find("body")
    root = tree if body is None else body
    container = main_content(root, words, dated=dated)
    pieces = [_headline(root, container), _converted(container, url)]
    built = parse_markdown(pieces, title, formulas=False)
    if built.text or container is root:
        return built
    return parse_markdown([root.text_content()], title)


def whole_page(markup: str) -> Built:
    """All that the page shows: for a chapter or a mail, which have no navigation around them."""
    tree = _tree(markup)
    fill_spans(tree)
    mark_raised(tree)
    title = _title(tree)
    _drop_silent(tree)
    body = tree.find("body")
    words = _converted(tree if body is None else body, None)
    return parse_markdown([words], title, formulas=False)


def _converted(container: HtmlElement, url: str | None) -> str:
    open_layouts(container)
    _clean_links(container, url)
    markup = tostring(container, encoding="unicode", with_tail=False)
    return convert(markup, _OPTIONS).content or ""


def _tree(markup: str) -> HtmlElement:
    markup = without_controls(as_html(markup))
    tree, too_deep = _parsed(markup)
    return _parsed(flat(markup))[0] if too_deep else tree


def _parsed(markup: str) -> tuple[HtmlElement, bool]:
    """The tree, and whether it ends where the page nests too deeply."""
    # The text is decoded already: say so, or a stale declaration inside would be believed.
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        tree = document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableSource("There is no text in this page.") from error
    limits = parser.error_log.filter_types([etree.ErrorTypes.ERR_RESOURCE_LIMIT])
    return tree, len(limits) > 0


def _title(tree: HtmlElement) -> str:
    for found in tree.xpath("//title | //h1"):
        title = clean_title(found.text_content())
        if title:
            return title
    return ""


def _base(tree: HtmlElement) -> str | None:
    """Where a page that came as a file says its links lead from."""
    found = (str(one.get("href") or "") for one in tree.iter("base"))
    return next((one for one in found if one.startswith(("http://", "https://"))), None)


def _drop_silent(tree: HtmlElement) -> None:
    """Remove what shows no text. Words instead of scripts stay where there are no others."""
    instead = list(tree.iter("noscript"))
    for element in list(tree.iter(*_NO_TEXT)):
        drop(element)
    body = tree.find("body")
    said = [one for one in instead if len(one.text_content().split()) >= _SAYS_SOMETHING]
    if body is not None and not body.text_content().strip():
        for one in said:
            one.tag = "div"
            body.append(one)


def _headline(root: HtmlElement, container: HtmlElement) -> str:
    """The page's own h1 where it stands outside the container, as many layouts have it."""
    if next(container.iter("h1"), None) is not None:
        return ""
    headline = next(root.iter("h1"), None)
    title = "" if headline is None else clean_title(headline.text_content())
    return f"# {title}\n\n" if title else ""


def _clean_links(container: HtmlElement, url: str | None) -> None:
    """Keep targets that lead somewhere from anywhere; of others only their words."""
    if url:
        # A base that is no URL: the links stay relative and lose their targets below.
        with suppress(ValueError):
            container.make_links_absolute(url, handle_failures="discard")
    for link in list(container.iter("a")):
        target = link.get("href", "")
        on_page = url is not None and target.partition("#")[0] == url.partition("#")[0]
        leads = target.startswith(("http://", "https://")) and not on_page
        # A picture's link has no words, and its address would become the text.
        if link is not container and not (leads and link.text_content().strip()):
            link.drop_tag()
