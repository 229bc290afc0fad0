"""Each format to text with structure, at exact offsets."""

from __future__ import annotations

from random import Random

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.text import normalize_text
from minirag.errors import UnreadableSource
from tests.parsing.makers import (
    make_docx,
    make_pdf,
    make_zip,
    paragraph,
    raw_docx,
    scanned_pdf,
    text_run,
)

MENU = "<li><a href='/x'>{0}</a></li>" * 8
PAGE = f"""<!DOCTYPE html><html><head><title>Leave policy</title><style>p{{}}</style></head><body>
<nav><ul>{MENU.format("Menu entry")}</ul></nav><header><a href="/">Company</a></header>
<div id="page"><div class="menu"><ul>{MENU.format("Side entry")}</ul></div>
<main><h1>Leave policy</h1><p>Everybody who works here has thirty days of paid leave a year, and
may carry five of them into the next one without asking anybody for it at all.</p>
<h2>How to ask</h2><p>Write to <a href="/people">the people team</a> two weeks before, or see
<a href="#top">above</a>, and name a colleague who answers your mail while you are away.</p>
<pre><code>leave --from my_day --days 3</code></pre>
<table><tr><th>Grade</th><th>Days</th></tr><tr><td>Junior</td><td>30</td></tr></table></main></div>
<footer>Imprint and cookies</footer><script>steal()</script></body></html>"""


def parse(data: bytes, key: str, mime_type: str = "", url: str | None = None) -> Built:
    built = parse_bytes(data, Hints(key, mime_type, url), ContentLimits())
    assert normalize_text(built.text) == built.text
    return built


def headings(built: Built) -> list[tuple[int, str, str]]:
    return [(level, title, built.text[start:end]) for start, end, level, title in built.headings]


def test_plain_text_is_kept_as_it_is() -> None:
    assert parse(b"# no heading \r\n\r\n\r\n x", "a.txt").text == "# no heading\n\nx"


def test_markdown_headings_are_found_beside_code() -> None:
    text = (
        '---\ntitle: "From the front"\n---\n# The *first*\ntext\n\n```sh\n# comment\n~~~\n```\n'
        "    # indented code\n~~~~\n## in tildes\n~~~\n~~~~\n## Second `code` [link](http://x) ##\n"
        "Setext one\n----\n\nSetext two\n===\n- item\n---\n####### seven\n#nospace\n"
    )
    built = parse(text.encode(), "a.md")
    assert built.title == "From the front"
    assert headings(built) == [
        (1, "The first", "# The *first*"),
        (2, "Second code link", "## Second `code` [link](http://x) ##"),
        (1, "Setext two", "Setext two"),
    ]
    assert "# comment" in built.text and "# indented code" in built.text


@pytest.mark.parametrize("line", ["# " + "[" * 200_000, "# a" + " " * 200_000 + "b", "`" * 200_000])
def test_a_hostile_line_is_no_heading_and_takes_no_time(line: str) -> None:
    assert parse(f"# Title\n\n{line}\n".encode(), "a.md").title == "Title"


def test_the_title_of_markdown_is_its_first_h1() -> None:
    assert parse(b"## Before\n\n# Title\n\n# Other", "a.md").title == "Title"


def test_html_keeps_the_content_and_drops_what_is_around() -> None:
    built = parse(PAGE.encode(), "https://x.test/p", "text/html", "https://x.test/p")
    assert built.title == "Leave policy"
    assert [h[:2] for h in headings(built)] == [(1, "Leave policy"), (2, "How to ask")]
    for kept in ("thirty days", "leave --from my_day --days 3", "(https://x.test/people)"):
        assert kept in built.text
    assert any("Junior" in line and "30" in line for line in built.text.split("\n"))
    for dropped in ("Menu entry", "Side entry", "Imprint", "steal", "Company", "#top"):
        assert dropped not in built.text


def test_a_page_inside_one_form_is_read() -> None:
    page = f"<html><body><form><input value=no>{'<p>Some words of a page.</p>' * 9}</form></body>"
    assert parse(page.encode(), "a.html").text.count("Some words") == 9


def test_html_in_the_encoding_that_it_declares() -> None:
    page = '<html><head><meta charset="windows-1251"></head><body><p>Привет, мир</p></body></html>'
    assert parse(page.encode("cp1251"), "a.html").text == "Привет, мир"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("grün", "utf-8-sig"),
        ("grün", "utf-16"),
        ("\ufeffgrün", "utf-16-be"),
        ("grün", "utf-32"),
        ("A longer text without a mark", "utf-16-le"),
        ("Die Größe beträgt fünf Äpfel – “so”", "cp1252"),
        ("Съешь ещё этих мягких французских булок", "cp1251"),
        ("これは日本語の文章です。今日は天気がいい。", "cp932"),
        ("Preis: £ 12.50 – 3 für 2 €", "cp1252"),
        ("Årets möte är på lördag.", "cp1252"),
        ("Møde på tirsdag, kære ven.", "cp1252"),
        ("Ação e coração são palavras.", "cp1252"),
        ("Où est la bibliothèque? À côté du café.", "cp1252"),
        ("¿Qué pasó? El niño comió piñas.", "cp1252"),
        ("naïve", "cp1252"),
        ("Temperature: 21 °C ± 2", "cp1252"),
        ("Zażółć gęślą jaźń w Łodzi.", "cp1250"),
        ("Čeština je krásný jazyk, že?", "cp1250"),
        ("Zażółć gęślą jaźń, świadczenie przysługuje każdemu.", "iso8859_2"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "iso8859_2"),
        ("Árvíztűrő tükörfúrógép és ő.", "cp1250"),
        ("Şişli'de yağmur yağıyor, çocuklar üşüdü.", "cp1254"),
        ("Привет, мир!", "cp1251"),
        ("Это проверка кодировки. Привет, мир!", "koi8_r"),
        ("这是中文句子，测试编码。", "gb18030"),
        ("한국어 문장입니다.", "cp949"),
        ("\x1b[1mfett\x1b[0m, und ein Löwe\x1a", "cp1252"),
        ("one\x01two, and the rest of a long log line", "utf-8"),
    ],
)
def test_encodings_are_found_out(text: str, encoding: str) -> None:
    found = parse(text.encode(encoding), "a.txt").text
    assert found == normalize_text(text.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("text", "encoding", "key"),
    [
        ("Größe;S;M;L;XL\n" + "1;1,5;-;-;-\n" * 20, "cp1252", "prices.csv"),
        ('[{"id":1,"n":"Größe","v":[1,2,3]},{"id":2,"n":"x","v":[]}]', "cp1252", "data.json"),
        ("/*******************/\n/* J. Müller */\n#define M(a,b) ((a)>(b)?(a):(b))\n", "cp1252",
         "max.c"),
        ("; Bücher\n" + ";" * 60 + "\n[a]\nb=1\n", "cp1252", "conf.txt"),
        ("<html><head><meta charset=latin1></head><body><table>"
         + "<tr><td>-</td><td>é</td></tr>" * 40 + "</table></body></html>", "latin-1", "page.html"),
        ("8=FIX.4.2\x019=176\x0135=D\x0149=BUYER\x0156=SELLER\x01" * 3, "utf-8", "fix.txt"),
        ("Report\x07 line one, and the rest of it", "utf-16-le", "a.txt"),
        ("┌────┐\n│ ok │\n└────┘ ║ ═══\n", "cp437", "box.txt"),
    ],
)  # fmt: skip
def test_text_of_any_kind_is_no_binary_file(text: str, encoding: str, key: str) -> None:
    assert parse(text.encode(encoding), key).text


def test_a_few_broken_bytes_leave_the_rest_of_utf8_as_it_is() -> None:
    words = "这是一个中文句子。今天天气很好。" * 3
    assert parse(words.encode() + b"\xff ok", "a.txt").text == f"{words}\ufffd ok"


def test_a_part_of_a_mail_is_in_an_encoding_of_its_own() -> None:
    head = b"From: a@x.test\r\nTo: b@x.test\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
    noise = bytes(range(256)).replace(b"\n", b"").replace(b"\r", b"") * 4
    mail = (
        head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: text/plain\r\n\r\nThe body\r\n--b\r\n"
        b'Content-Type: application/octet-stream; name="a.bin"\r\n'
        b"Content-Transfer-Encoding: binary\r\n\r\n" + noise + b"\r\n--b--\r\n"
    )
    assert "The body" in parse(mail, "a.eml").text
    plain = head + b"Content-Type: text/plain; charset=latin-1\r\n\r\nGr\xfc\xdfe\r\n" + b"=" * 400
    assert "Grüße" in parse(plain, "b.eml").text


def test_pdf_pages_and_bookmarks_stand_at_their_places() -> None:
    data = make_pdf(
        [
            [("Handbook", 0), ("Welcome to the company.", -1), ("Leave", 1), ("Thirty days.", -1)],
            [("Money", 0), ("Everybody is paid on the last day of the month.", -1)],
        ],
        title="The handbook",
    )
    built = parse(data, "a.pdf")
    assert built.title == "The handbook"
    assert headings(built) == [
        (1, "Handbook", "Handbook"),
        (2, "Leave", "Leave"),
        (1, "Money", "Money"),
    ]
    pages = [(number, built.text[start:end]) for start, end, number in built.pages]
    assert pages[0] == (1, "Handbook\nWelcome to the company.\nLeave\nThirty days.")
    assert pages[1][0] == 2 and pages[1][1].startswith("Money")


def test_a_pdf_page_without_text_is_counted() -> None:
    built = parse(make_pdf([[("Words", -1)], [("", -1)], [("More", -1)]]), "a.pdf")
    assert [page[2] for page in built.pages] == [1, 3]
    assert built.metadata == {"page_count": 3, "pages_without_text": 1}


def test_docx_headings_lists_and_tables() -> None:
    built = parse(make_docx("Rules"), "a.docx")
    assert built.title == "Rules"
    assert headings(built) == [(1, "Handbook", "Handbook"), (2, "Leave", "Leave")]
    assert "Grade | Days\nJunior | 30" in built.text
    assert "Everybody has thirty days." in built.text


def test_docx_shows_what_word_shows() -> None:
    box = f"<w:txbxContent>{paragraph(text_run('in a box'))}</w:txbxContent>"
    body = (
        f"<w:sdt><w:sdtContent>{paragraph(text_run('in a control'))}</w:sdtContent></w:sdt>"
        f"<w:p><w:ins><w:r>{text_run('inserted')}</w:r></w:ins>"
        f"<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>"
        f"<w:p><w:r>{text_run('around ')}<mc:AlternateContent><mc:Choice>{box}</mc:Choice>"
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        f"<w:p><w:r>{text_run('one')}<w:tab/>{text_run('two')}<w:br/>{text_run('three')}</w:r></w:p>"
        f"<w:tbl><w:tr><w:tc>{paragraph(text_run('outer'))}<w:tbl><w:tr><w:tc>"
        f"{paragraph(text_run('inner'))}</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>"
    )
    assert parse(raw_docx(body), "a.docx").text == (
        "in a control\n\ninserted\n\naround\n\nin a box\n\none two\nthree\n\nouter\n\ninner"
    )


def test_docx_outline_levels_make_headings() -> None:
    styles = (
        '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        '<w:style w:styleId="A"><w:name w:val="Mine"/><w:basedOn w:val="B"/></w:style>'
        '<w:style w:styleId="B"><w:name w:val="Base"/><w:basedOn w:val="A"/>'
        '<w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style></w:styles>'
    )
    body = f'<w:p><w:pPr><w:pStyle w:val="A"/></w:pPr><w:r>{text_run("Styled")}</w:r></w:p>'
    built = parse(raw_docx(body, extra={"word/styles.xml": styles.encode()}), "a.docx")
    assert headings(built) == [(3, "Styled", "Styled")]


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
XXE = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        (b"", "a.txt", "empty"),
        (b" \n\t ", "a.md", "empty"),
        (b"\xef\xbb\xbf", "a.txt", "no text"),
        (b"<html><body><script>x</script></body></html>", "a.html", "no text"),
        (make_pdf([[("x", -1)]], password="secret"), "a.pdf", "needs a password"),
        (make_pdf([[("", -1)]]), "a.pdf", "no text in"),
        (scanned_pdf(), "a.pdf", "no text layer"),
        (b"hello, I am no PDF", "a.pdf", "not a PDF"),
        (b"%PDF-1.7\n" + b"garbage" * 50, "a.pdf", "not a PDF, or it is damaged"),
        (b"hello", "a.docx", "not a DOCX"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", "needs a password"),
        (OLE, "a.doc", "old Office format"),
        (OLE + "WordDocument".encode("utf-16-le"), "a.doc", "save it as DOCX"),
        (OLE + "Workbook".encode("utf-16-le"), "a.xls", "save it as XLSX"),
        (b"{\\rtf1 hello}", "a.rtf", "RTF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a.png", "image"),
        (make_docx()[:3000], "a.docx", "damaged"),
        (raw_docx(paragraph(text_run("x")), prolog=LAUGHS), "a.docx", "DTD"),
        (raw_docx(paragraph(text_run("&a;")), prolog=XXE), "a.docx", "DTD"),
        (raw_docx(paragraph("")), "a.docx", "no text"),
        (raw_docx("<w:p>" * 3), "a.docx", "damaged"),
        (raw_docx("<w:p>" * 3000), "a.docx", "nested too deeply"),
        (raw_docx("<w:tbl>" * 5000 + "</w:tbl>" * 5000), "a.docx", "nested too deeply"),
        (raw_docx(paragraph(text_run("A" * 11_000_000))), "a.docx", "too large"),
        (make_zip({"ppt/slides/slide1.xml": b"<x/>"}), "a.pptx", "damaged"),
        (make_zip({"[Content_Types].xml": b"<x/>"}), "a.vsdx", "Supported are txt, md, rst"),
        (make_zip({"a.txt": b"x"}), "a.docx", "an archive"),
        (bytes(range(256)) * 20, "a.bin", "Supported are txt, md, rst"),
        (bytes(range(256)) * 20, "a.txt", "Supported are txt, md, rst"),
        (b"\0\1\2\3bad", "a.md", "Supported are txt, md, rst"),
        (b"\2\3\4 some words \5\6", "a.txt", "Supported are txt, md, rst"),
        (Random(3).randbytes(64), "a.txt", "Supported are txt, md, rst"),
        (Random(25603).randbytes(256), "a.csv", "Supported are txt, md, rst"),
        (Random(5).randbytes(400), "a.html", "Supported are txt, md, rst"),
        (b"plain words", "a.xyz", "Supported are txt, md, rst"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, key: str, words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        parse(data, key)


def test_a_zip_bomb_is_stopped_by_what_it_unfolds_to() -> None:
    bomb = raw_docx(paragraph(text_run("a " * 3_000_000)))
    assert len(bomb) < 100_000
    with pytest.raises(UnreadableSource, match="unfolds"):
        parse_bytes(bomb, Hints("a.docx"), ContentLimits(inflated_bytes=1_000_000))
    many = make_zip({"word/document.xml": b"<x/>", **{str(n): b"" for n in range(50)}})
    with pytest.raises(UnreadableSource, match="too many parts"):
        parse_bytes(many, Hints("a.docx"), ContentLimits(entries=20))


@pytest.mark.parametrize(
    ("data", "key", "mime_type", "starts"),
    [
        (make_pdf([[("A page", -1)]]), "a.txt", "text/plain", "A page"),
        (make_docx(), "a.pdf", "application/pdf", "Handbook"),
        (b"<!doctype html><html><body><p>A page</p>", "page", "text/plain", "A page"),
        (b"<html><body><p>A page</p>", "file.pdf", "application/pdf", "A page"),
        (b"# T\n\nx", "notes", "text/markdown", "# T"),
        (b"<p align=center>x</p>\n\n# T", "README.md", "application/octet-stream", "<p align"),
    ],
)
def test_the_content_decides_the_type(data: bytes, key: str, mime_type: str, starts: str) -> None:
    assert parse(data, key, mime_type).text.startswith(starts)
