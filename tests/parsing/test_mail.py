"""E-mail: which of several forms of a text is read, and what its bytes mean."""

from __future__ import annotations

import pytest

from ingestion.parsing.document import Built, ContentLimits, Hints
from ingestion.parsing.parsers import parse_bytes
from minirag.errors import UnreadableSource

HEAD = b"From: a@x.test\nSubject: Spring\nMIME-Version: 1.0\n"
PAGE = b"<h1>Sale</h1><p>The sale starts on 3 March and ends on 17 March, in all of our shops.</p>"


def parse(data: bytes) -> Built:
    return parse_bytes(data, Hints("a.eml"), ContentLimits())


def part(kind: str, body: bytes, *headers: str) -> bytes:
    lines = "\n".join((f"Content-Type: {kind}", *headers))
    return lines.encode() + b"\n\n" + body


def multipart(subtype: str, *parts: bytes) -> bytes:
    mark = f"{subtype}-{len(parts)}-{sum(map(len, parts))}"
    body = b"".join(b"--%s\n%s\n" % (mark.encode(), one) for one in parts)
    return part(f'multipart/{subtype}; boundary="{mark}"', body + f"--{mark}--".encode())


STUB = part("text/plain", b"Your mail program does not show HTML.")
HTML = part("text/html", PAGE)
PICTURE = part("image/png; name=a.png", b"aaaa", "Content-ID: <x>")
EVENT = part(
    "text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\nSUMMARY:Board meeting\nEND:VCALENDAR"
)


@pytest.mark.parametrize(
    "parts",
    [
        (STUB, HTML),
        (STUB, multipart("related", HTML, PICTURE)),
        (STUB, multipart("mixed", multipart("related", HTML, PICTURE), part("text/html", b""))),
        (STUB, HTML, EVENT),
        (STUB, HTML, part("text/x-amp-html", b"<p>The sale in motion</p>")),
        (multipart("related", HTML, PICTURE),),
        (STUB, multipart("alternative", STUB, HTML)),
    ],
)
def test_the_page_is_read_wherever_it_stands_among_the_alternatives(
    parts: tuple[bytes, ...],
) -> None:
    text = parse(HEAD + multipart("alternative", *parts)).text
    assert "The sale starts on 3 March" in text and "does not show" not in text
    assert ("Board meeting" in text) is (EVENT in parts)
    assert "in motion" not in text and "a.png" not in text


def test_the_plain_form_is_read_where_it_says_the_same() -> None:
    plain = part("text/plain", b"The sale starts on 3 March, ends on 17 March: see our shops.")
    text = parse(
        HEAD + multipart("alternative", plain, multipart("related", HTML, PICTURE), EVENT)
    ).text
    assert "see our shops" in text and "# Sale" not in text and "Board meeting" in text


def test_what_is_attached_inside_an_alternative_is_read() -> None:
    paper = part("text/csv; name=a.csv", b"Name,Price\nBolt,2", "Content-Disposition: inline")
    forwarded = part("message/rfc822", HEAD.replace(b"Spring", b"Autumn") + b"\nInner words")
    text = parse(HEAD + multipart("alternative", STUB, multipart("mixed", HTML, paper, forwarded)))
    for kept in ("3 March", "Name | Price\nBolt | 2", "Subject: Autumn", "Inner words"):
        assert kept in text.text


def test_a_form_that_few_show_is_read_where_it_is_the_only_one() -> None:
    text = parse(HEAD + multipart("alternative", part("text/enriched", b"Only <bold>this"))).text
    assert "Only <bold>this" in text


def test_parts_inside_an_alternative_are_counted() -> None:
    many = [part("text/plain", b"x", "Content-Disposition: attachment; filename=a.txt")] * 1_001
    with pytest.raises(UnreadableSource, match="too many parts"):
        parse(HEAD + multipart("alternative", STUB, multipart("mixed", *many)))
    deep = STUB
    for _ in range(60):
        deep = multipart("mixed", deep)
    with pytest.raises(UnreadableSource, match="nested too deeply"):
        parse(HEAD + multipart("alternative", STUB, deep))


def test_a_declared_latin_1_is_what_windows_made_of_it() -> None:
    words = "Don’t pay more than 20 € – it’s a “trap”…"
    body = part("text/plain; charset=iso-8859-1", words.encode("cp1252"))
    head = HEAD.replace(b"Spring", b"=?iso-8859-1?Q?=80_20?=")
    built = parse(head + body)
    assert built.title == "€ 20" and built.text.endswith(words)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_headers_may_be_raw_letters(encoding: str) -> None:
    head = (
        "From: Jürgen Müller <a@x.test>\nSubject: Grüße aus Köln\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHallo\n--b\n"
        'Content-Type: text/plain; name="Übersicht.txt"\n\nAnhang\n--b--\n'
    )
    built = parse(head.encode(encoding))
    assert built.title == "Grüße aus Köln"
    assert built.text.startswith("Subject: Grüße aus Köln\nFrom: Jürgen Müller <a@x.test>")
    assert [title for *_, title in built.headings] == ["Grüße aus Köln", "Übersicht.txt"]


def test_a_mail_whose_parts_are_not_to_be_found_is_read_as_it_is() -> None:
    data = b"Subject: Hi\nContent-Type: multipart/mixed; boundary=X\n\n--B\n\nThe words\n--B--\n"
    assert "The words" in parse_bytes(data, Hints("a.eml"), ContentLimits()).text


def test_a_report_on_a_mail_that_came_back_is_read() -> None:
    data = (
        b"Subject: Failed\nContent-Type: multipart/report; boundary=X\n\n--X\n\nSorry.\n--X\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        b"Final-Recipient: rfc822; ann@x.test\nStatus: 5.1.1\n--X--\n"
    )
    text = parse_bytes(data, Hints("a.eml"), ContentLimits()).text
    assert text.endswith(
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ann@x.test\nStatus: 5.1.1"
    )


@pytest.mark.parametrize(
    ("facts", "body", "words"),
    [
        ("text/plain; charset=koi8-r; name=a.txt", "Привет".encode("koi8-r"), "Привет"),
        ("text/csv; charset=iso-8859-1; name=a.csv", "N,Ä\nö,ü".encode("cp1252"), "N | Ä\nö | ü"),
        ("text/calendar; name=a.ics", b"SUMMARY:Party", "SUMMARY:Party"),
        ("text/plain; charset=utf-8; name=a.txt", "Grüße".encode("cp1252"), "Grüße"),
    ],
)  # fmt: skip
def test_texts_are_attached_in_the_encoding_that_they_say(
    facts: str, body: bytes, words: str
) -> None:
    data = (
        b"Subject: Hi\nContent-Type: multipart/mixed; boundary=X\n\n--X\n\nBody\n--X\n"
        b"Content-Type: %s\nContent-Disposition: attachment\n"
        b"Content-Transfer-Encoding: 8bit\n\n%s\n--X--\n" % (facts.encode(), body)
    )
    text = parse_bytes(data, Hints("a.eml"), ContentLimits()).text
    assert text.endswith(f"Attachment: {facts.rpartition('=')[2]}\n\n{words}")


def test_an_encoded_word_in_no_encoding_is_kept_as_it_is() -> None:
    data = "Subject: =?utø-8?q?Hi?= there\nFrom: a\n\nBody".encode()
    assert parse_bytes(data, Hints("a.eml"), ContentLimits()).text.endswith("Body")


@pytest.mark.parametrize("charset", ["utf\0-8", "hex", "no-such", "=?", "undefined"])
def test_what_is_no_encoding_is_found_out(charset: str) -> None:
    data = (
        b"From: a\nContent-Type: text/plain; charset=%s\n\nGr\xc3\xbc\xc3\x9fe" % charset.encode()
    )
    assert parse_bytes(data, Hints("a.eml"), ContentLimits()).text.endswith("Grüße")
