"""The demo's documents are what their sources say, and hold what the questions ask for."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from pathlib import Path

import pypdfium2
import pytest
from docx import Document

from minirag.demo import build_documents, manifest
from minirag.demo.builders.blocks import HeadingBlock, ListBlock, Paragraph, Table, parse_blocks
from minirag.demo.builders.to_html import FRAME_PHRASES

WORDS_PER_PAGE = 500
COMPANY = manifest.SOURCES[:2]
FILES = {file.key: file for source in manifest.SOURCES for file in source.files()}


def _pdf_text(path: Path) -> str:
    pdf = pypdfium2.PdfDocument(path)
    try:
        pages = [pdf[number].get_textpage().get_text_bounded() for number in range(len(pdf))]
    finally:
        pdf.close()
    return "\n".join(pages)


def _docx_text(path: Path) -> str:
    document = Document(str(path))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def _html_text(path: Path) -> str:
    article = path.read_text(encoding="utf-8").partition("<article>")[2].partition("</article>")[0]
    return re.sub(r"<[^>]+>", " ", article)


READERS = {".pdf": _pdf_text, ".docx": _docx_text, ".html": _html_text}


def _text(path: Path) -> str:
    read = READERS.get(path.suffix)
    text = read(path) if read else path.read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", text)


def _comparable(path: Path) -> bytes | dict[str, bytes]:
    """A ZIP's deflated bytes depend on the machine's zlib, so its entries are compared."""
    if path.suffix != ".docx":
        return path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = build_documents.build(tmp_path / "first")
    second = build_documents.build(tmp_path / "second")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_documents_in_the_tree_are_built_from_the_sources_in_the_tree(tmp_path: Path) -> None:
    for path in build_documents.build(tmp_path):
        kept = build_documents.DOCUMENTS / path.relative_to(tmp_path)
        assert _comparable(kept) == _comparable(path), f"Run build_documents: {kept.name} is stale."


def test_every_source_text_has_a_target() -> None:
    assert {path.name for path in build_documents.SOURCES.glob("*")} == set(build_documents.TARGETS)


def test_every_format_is_there_and_keys_are_unique() -> None:
    keys = Counter(file.key for source in manifest.SOURCES for file in source.files())
    assert [key for key, count in keys.items() if count > 1] == []
    formats = {file.path.suffix for source in COMPANY for file in source.files()}
    assert formats == {".md", ".html", ".pdf", ".docx"}


def test_the_set_is_at_least_forty_pages() -> None:
    company = sum(len(_text(file.path).split()) for s in COMPANY for file in s.files())
    everything = sum(len(_text(file.path).split()) for file in FILES.values())
    assert company >= 30 * WORDS_PER_PAGE
    assert everything >= 40 * WORDS_PER_PAGE


def test_no_sentence_of_the_company_stands_twice() -> None:
    sentences: Counter[str] = Counter()
    for source in COMPANY:
        for file in source.files():
            found = re.split(r"(?<=[.!?]) ", _text(file.path))
            sentences.update(sentence for sentence in found if len(sentence.split()) >= 8)
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


@pytest.mark.parametrize("golden", manifest.GOLDEN, ids=lambda golden: golden.question)
def test_the_answer_stands_in_one_sentence_of_its_document(golden: manifest.GoldenQuestion) -> None:
    sentences = re.split(r"(?<=[.!?]) ", _text(FILES[golden.document_key].path))
    assert any(golden.answer in sentence for sentence in sentences)


def test_suggested_questions_are_golden_and_cover_the_formats() -> None:
    golden = {item.question: Path(item.document_key).suffix for item in manifest.GOLDEN}
    known = [golden[q] for q in manifest.SUGGESTED_QUESTIONS if q in golden]
    assert len(manifest.SUGGESTED_QUESTIONS) == 6
    assert set(known) == {".md", ".html", ".pdf", ".docx"}


def test_the_pdf_has_bookmarks_page_numbers_and_pages() -> None:
    pdf = pypdfium2.PdfDocument(FILES["service-manual.pdf"].path)
    try:
        pages = len(pdf)
        titles = [entry.get_title() for entry in pdf.get_toc()]
        last = pdf[pages - 1].get_textpage().get_text_bounded()
    finally:
        pdf.close()
    assert pages >= 8
    assert f"Page {pages} of {pages}" in last
    assert {"Torque table", "Error codes", "Release card"} <= set(titles)


def test_the_docx_has_heading_styles_and_a_table() -> None:
    document = Document(str(FILES["expenses-and-travel.docx"].path))
    styles = {paragraph.style.name for paragraph in document.paragraphs if paragraph.style}
    assert {"Heading 1", "Heading 2", "List Bullet"} <= styles
    assert document.tables[0].cell(1, 2).text == "£175"


def test_a_page_frame_is_around_the_article_and_not_in_it() -> None:
    pages = [file.path for file in FILES.values() if file.path.suffix == ".html"]
    assert len(pages) >= 3
    for path in pages:
        page = path.read_text(encoding="utf-8")
        assert all(phrase in page for phrase in FRAME_PHRASES)
        assert not any(phrase in _html_text(path) for phrase in FRAME_PHRASES)


def test_files_know_their_mime_type() -> None:
    assert FILES["service-manual.pdf"].mime_type == "application/pdf"
    assert FILES["glossary.md"].mime_type == "text/markdown"


def test_blocks_of_each_kind_are_read() -> None:
    source = "# Title\n\nText.\n\n- a\n- b\n\n1. one\n\n| h | i |\n|---|---|\n| 1 | 2 |\n"
    assert parse_blocks(source) == [
        HeadingBlock(1, "Title"),
        Paragraph("Text."),
        ListBlock(("a", "b"), numbered=False),
        ListBlock(("one",), numbered=True),
        Table((("h", "i"), ("1", "2"))),
    ]


@pytest.mark.parametrize("source", ["**bold**", "one\ntwo", "| a |\n|---|\n| b | c |"])
def test_markup_that_would_be_rendered_wrongly_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"Markdown|markup|paragraph|table"):
        parse_blocks(source)
