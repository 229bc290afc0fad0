"""PDF through PDFium: text page by page, heading paths from the bookmarks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder, clean_title
from ingestion.parsing.pdf_furniture import without_furniture
from ingestion.parsing.pdf_headings import Line, find_headings, lines_of
from ingestion.parsing.saslprep import saslprep
from ingestion.parsing.text import normalize_text
from minirag.errors import UnreadableSource

# PDFium's marks for a hyphen at a line's end.
_HYPHEN_BREAK = re.compile("(?<=[^\\W\\d_])[\x02\ufffe\xad]\\s*(?=[a-zß-öø-ÿ])")
_HYPHEN = re.compile("[\x02\ufffe](?:\\s*\n)?")
# A line that runs on: long, open at its end, and the next one starts small.
_RUNS_ON = re.compile(r"(?<=[^\n]{40}[\w,;])\n(?=[a-zß-öø-ÿ])")
# A ligature that PDFium takes apart backwards; an alef before another begins no Arabic word.
_LAM_ALEF = re.compile("\u0627([\u0622\u0623\u0625])\u0644")
# Where Arabic and Latin words touch, a space was lost on the turn.
_SCRIPTS = re.compile("(?<=[A-Za-z])(?=[\u0621-\u064a])|(?<=[\u0621-\u064a])(?=[A-Za-z])")
_MAX_BOOKMARKS = 5_000
_MAX_DEPTH = 6
# A page that ends in the middle of a sentence.
_OPEN_END = re.compile(r"[\w,;-]$")
# Share of a page that an image covers where the page is a scan, and pages that are looked at.
_SCANNED = 0.66
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class _Bookmark:
    level: int
    title: str
    page: int | None


def parse_pdf(data: bytes, password: str, limits: ContentLimits) -> Built:
    """Text of every page. Raises ``UnreadableSource``: damaged, locked, or without a text layer."""
    document = _open(data, password)
    try:
        if len(document) > limits.pages:
            raise UnreadableSource(f"The PDF has more than {limits.pages:,} pages.")
        builder = DocumentBuilder()
        marks = list(_bookmarks(document))
        lines: list[Line] | None = None if marks else []
        texts = [_page_text(document, number, lines) for number in range(len(document))]
        pages = _add_pages(builder, without_furniture(texts))
        if not any(pages):
            raise UnreadableSource(_empty_words(document))
        found = find_headings(lines or [])
        marks += [_Bookmark(one.level, one.title, one.page) for one in found if one.level]
        for bookmark, span in _placed(marks, pages, sure=lines is None):
            builder.mark_heading(*span, bookmark.level, bookmark.title)
        empty = sum(span is None for span in pages)
        metadata: dict[str, str | int | float | bool] = {"page_count": len(pages)}
        if empty:
            metadata["pages_without_text"] = empty
        large = next((one.title for one in found if not one.level), "")
        return builder.build(_title(document) or large, metadata)
    finally:
        document.close()


def _open(data: bytes, password: str) -> pdfium.PdfDocument:
    prepared = saslprep(password)
    try:
        try:
            return pdfium.PdfDocument(data, password=password or None)
        except pdfium.PdfiumError as error:
            if error.err_code != pdfium_raw.FPDF_ERR_PASSWORD or prepared == password:
                raise
            return pdfium.PdfDocument(data, password=prepared)
    except pdfium.PdfiumError as error:
        if error.err_code in (pdfium_raw.FPDF_ERR_PASSWORD, pdfium_raw.FPDF_ERR_SECURITY):
            wrong = "The password does not open the PDF: it needs a password that does."
            raise UnreadableSource(wrong if password else "The PDF needs a password.") from error
        raise UnreadableSource("This is not a PDF, or it is damaged.") from error


@dataclass(frozen=True, slots=True)
class _Page:
    start: int
    end: int
    text: str


def _add_pages(builder: DocumentBuilder, texts: list[str]) -> list[_Page | None]:
    """One block a page; a sentence that goes on over the break is not cut by a blank line."""
    pages: list[_Page | None] = []
    before = ""
    for number, text in enumerate(texts, 1):
        if not (_OPEN_END.search(before[-60:]) and text[:1].islower()):
            builder.blank()
        span = builder.line(text)
        if span is None:
            pages.append(None)
            continue
        builder.mark_page(number, span)
        pages.append(_Page(*span, text))
        before = text
    return pages


def _empty_words(document: pdfium.PdfDocument) -> str:
    """A scan is told from a page with nothing on it by how much of it an image covers."""
    if any(_covered(document, number) for number in range(min(len(document), _LOOKED_AT))):
        return "The PDF has no text layer, as scanned pages have none."
    return "There is no text in the PDF."


def _covered(document: pdfium.PdfDocument, number: int) -> bool:
    try:
        page = document[number]
        area = page.get_width() * page.get_height()
        for image in page.get_objects(filter=[pdfium_raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
            left, bottom, right, top = image.get_bounds()
            if area and (right - left) * (top - bottom) >= _SCANNED * area:
                return True
    except pdfium.PdfiumError:
        return False
    return False


def _page_text(document: pdfium.PdfDocument, index: int, lines: list[Line] | None) -> str:
    try:
        page = document[index]
    except pdfium.PdfiumError:
        return ""  # a broken page among good ones; it is counted as one without text
    try:
        text_page = page.get_textpage()
        try:
            if lines is not None:
                lines += lines_of(text_page, index)
            # The other call also yields furniture that lies off the page.
            return normalize_text(tidy(str(text_page.get_text_bounded())))
        finally:
            text_page.close()
    except pdfium.PdfiumError:
        return ""
    finally:
        page.close()


def tidy(text: str) -> str:
    """Join words and sentences that only the page's width broke."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _HYPHEN.sub("-", _HYPHEN_BREAK.sub("", text))
    text = _SCRIPTS.sub(" ", _LAM_ALEF.sub("\u0627\u0644\\1", text))
    return _RUNS_ON.sub(" ", re.sub(r"[ \t]+\n", "\n", text))


def _bookmarks(document: pdfium.PdfDocument) -> Iterator[_Bookmark]:
    for number, mark in enumerate(document.get_toc(max_depth=_MAX_DEPTH)):
        if number >= _MAX_BOOKMARKS:
            return
        target = mark.get_dest()
        title = clean_title(mark.get_title())
        if title:
            yield _Bookmark(mark.level + 1, title, target.get_index() if target else None)


def _placed(
    bookmarks: Sequence[_Bookmark], pages: list[_Page | None], *, sure: bool
) -> Iterator[tuple[_Bookmark, tuple[int, int]]]:
    """Bookmarks with the line that each one names, in reading order; without it the page's start.

    Lines that only look like headings (not ``sure``) are left out where they are not found. A
    second bookmark of the same words takes the next place where they stand.
    """
    after = 0
    for bookmark in bookmarks:
        if bookmark.page is None or not 0 <= bookmark.page < len(pages):
            continue
        page = pages[bookmark.page]
        if page is None:
            continue
        span = _line_of(bookmark.title, page, max(after, page.start))
        if span is None and not sure:
            continue
        span = span or (max(page.start, min(after, page.end)),) * 2
        after = span[1]
        yield bookmark, span


def _line_of(title: str, page: _Page, after: int) -> tuple[int, int] | None:
    words = r"\s+".join(re.escape(word) for word in title.split())
    numbered = rf"^(?:[\dA-Z]+(?:\.\d+)*\.?\s+)?{words}"
    found = re.compile(numbered, re.MULTILINE | re.IGNORECASE).search(
        page.text, max(0, after - page.start)
    )
    if found is None:
        return None
    end = page.text.find("\n", found.end())
    end = len(page.text) if end < 0 else end
    return page.start + found.start(), page.start + end


def _title(document: pdfium.PdfDocument) -> str:
    title = clean_title(str(document.get_metadata_value("Title")))
    # What word processors write there when nobody wrote anything.
    is_name = re.search(r"\.(?:docx?|pdf|tex|indd|rtf|odt)$|^untitled|^microsoft word", title, re.I)
    return "" if is_name else title
