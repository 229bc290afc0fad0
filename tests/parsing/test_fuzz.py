"""Damaged files (family FUZ): seeds of every format, changed by a fixed chance.

Each ends parsed or refused by the parser itself: never a fault of ours, never a dead zygote.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator

import pytest

from ingestion.parsing.limits import Limits
from ingestion.parsing.sandbox import Sandbox
from minirag.errors import UnreadableSource
from minirag.formats import FORMATS
from minirag.types import ParsedDocument, RawDocument
from tests.parsing.makers import (
    make_docx,
    make_epub,
    make_odt,
    make_pdf,
    make_pptx,
    make_xlsx,
    scanned_pdf,
    xlsx_rows,
)
from tests.parsing.outcomes import outcome

_MAIL = (
    b"From: a@x.test\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n"
    b"Hello\n--b\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+SGk8L2I+\n--b\n"
    b"Content-Disposition: attachment; filename=a.csv\n\na,b\n1,2\n--b--\n"
)
_TEXT = "Größe\n=====\n\n- a `b` [c](http://x.test)\n\n| x | y |\n|---|---|\n| 1 | 2 |\n".encode()
_PAGE = (
    b"<!DOCTYPE html><html><head><meta charset=utf-8><title>T</title></head><body><nav>n</nav>"
    b"<h1>H</h1><p>Words <a href=/x>link</a><table><tr><td rowspan=2>1<td>2</table></body></html>"
)
SEEDS: dict[str, bytes] = {
    "txt": _TEXT,
    "md": _TEXT,
    "rst": _TEXT,
    "html": _PAGE,
    "pdf": make_pdf([[("Handbook", 0), ("Words", -1)], [("Money", 1)]], title="T"),
    "docx": make_docx("Rules"),
    "pptx": make_pptx(),
    "xlsx": make_xlsx({"S": xlsx_rows([("Name", "Price"), ("Bolt", 2), ("", ""), ("x", 1)])}),
    "odt": make_odt("<text:h>H</text:h><text:p>Words<text:s text:c='2'/></text:p>"),
    "csv": b'Name;Price\n"Bolt; long";1,5\nNut;0,2\n',
    "tsv": b"Name\tPrice\nBolt\t1\n",
    "json": b'{"a": [1, 2.50, {"b": null}], "c": "\\u00e4", "d": {"e": true}}',
    "jsonl": b'{"a": 1}\n{"a": [1, {"b": 2}]}\n',
    "ipynb": b'{"cells": [{"cell_type": "code", "source": ["x\\n"], "outputs": [{"text": "1"}]}]}',
    "epub": make_epub({"1.xhtml": "<h1>One</h1><p>Words", "2.xhtml": "<p>More"}),
    "eml": _MAIL,
    "py": b"class A:\n    def run(self) -> int:\n        return 1\n",
}
_ZIPPED = ("docx", "pptx", "xlsx", "odt", "epub")
_NASTY = (
    b"\0", b"\xff\xfe", b"<", b"&x;", b"]]>", b"<!DOCTYPE a [", b'"', b"\n", b"-1", b"99999999999",
    b"%s", b"{", b"[", b"PK\x03\x04", b"%PDF-", b"\xf0\x9f", b"--b", b"=?utf-8?b?", b"\r",
)  # fmt: skip


def changed(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(made) + 1)
        length = min(chance.choice((1, 1, 4, 32, 400)), len(made) - at)
        what = chance.randrange(6)
        if what == 0 and length:
            made[at] = chance.randrange(256)
        elif what == 1:
            del made[at : at + length]
        elif what == 2:
            made[at:at] = made[at : at + length] * chance.choice((1, 2, 50))
        elif what == 3:
            made[at:at] = chance.choice(_NASTY)
        elif what == 4:
            made[at:at] = chance.randbytes(length)
        elif chance.random() < 0.3:
            del made[at:]
    return bytes(made)


def changed_inside(data: bytes, chance: random.Random) -> bytes:
    """One part changed in a container that is whole: else its checksums would stop everything."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        parts = [info for info in old.infolist() if not info.is_dir()]
        victims = chance.sample(parts, min(len(parts), chance.choice((1, 1, 3))))
        for info in parts:
            content = old.read(info)
            if info in victims:
                if chance.random() < 0.1:
                    continue
                content = changed(content, chance)
            new.writestr(info.filename, content)
    return out.getvalue()


def cases(kind: str, first: int, last: int) -> Iterator[bytes]:
    for number in range(first, last):
        chance = random.Random(f"{kind} {number}")
        inside = kind in _ZIPPED and number % 3
        yield (changed_inside if inside else changed)(SEEDS[kind], chance)


def run(kind: str, first: int, last: int, sandbox: Sandbox) -> None:
    for number, data in enumerate(cases(kind, first, last), first):
        found = outcome(sandbox, RawDocument(f"a.{kind}", data, "", password="x" * (number % 2)))
        if isinstance(found, str):
            assert "its parser failed" not in found, f"{kind} {number}"


def test_every_format_has_a_seed() -> None:
    named = {one.suffixes[0][1:] for one in FORMATS if one.kind != "zip"}
    assert named == set(SEEDS)


@pytest.mark.parametrize("kind", SEEDS)
def test_the_seed_itself_is_read(kind: str, sandbox: Sandbox) -> None:
    assert isinstance(outcome(sandbox, RawDocument(f"a.{kind}", SEEDS[kind], "")), ParsedDocument)


def test_a_scan_is_refused_by_its_reader(sandbox: Sandbox) -> None:
    with pytest.raises(UnreadableSource, match="no text layer"):
        sandbox.parse(RawDocument("a.pdf", scanned_pdf(), ""), Limits())


@pytest.mark.parametrize("kind", SEEDS)
def test_a_few_changed_ones(kind: str, sandbox: Sandbox) -> None:
    run(kind, 0, 4, sandbox)


@pytest.mark.long
@pytest.mark.parametrize("kind", SEEDS)
def test_many_changed_ones(kind: str, sandbox: Sandbox) -> None:
    run(kind, 4, 64, sandbox)
