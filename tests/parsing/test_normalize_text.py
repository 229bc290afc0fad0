"""The normal form of text."""

from __future__ import annotations

import re
import sys
import unicodedata
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.parsing import text as text_module
from ingestion.parsing.document import DocumentBuilder
from ingestion.parsing.text import is_normal, normalize_text, normalized

CASES = [
    ("Hello world \n\n foo", "Hello world\n\nfoo"),
    ("a  \t b", "a b"),
    ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne"),
    ("a\n \n\t\n\n\nb", "a\n\nb"),
    ("\n\n  a  \n\n", "a"),
    ("a\x00b\x07c\ud800d\ufeffe", "abcde"),
    ("e\u0301", "é"),
    ("e\x00\u0301", "é"),
    ("a\xa0\u2003b", "a b"),
    ("    code\n        more", "code\nmore"),
    ("", ""),
    (" \n\t ", ""),
]

odd = st.one_of(
    st.text(
        alphabet=st.one_of(
            st.sampled_from(" \t\n\r\x00\x0b\x0c\x85\xa0\u2028\u3000\ufeff\u0301e\ud800aB"),
            st.characters(),
        ),
        max_size=80,
    ),
    st.text(alphabet=" \nab", max_size=12),
    st.text(alphabet=[chr(code) for code in range(128)], max_size=12),
)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_examples(text: str, expected: str) -> None:
    assert normalize_text(text) == expected


@settings(max_examples=500, deadline=None)
@given(odd)
def test_the_normal_form_is_final(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once
    assert "\n\n\n" not in once and "  " not in once and " \n" not in once and "\n " not in once
    assert once == once.strip()
    assert once == unicodedata.normalize("NFC", once)
    once.encode("utf-8")


def by_definition(text: str) -> str:
    """The normal form step by step over the whole text."""
    text = re.sub("\r\n|[\r\x0b\x0c\x85\u2028\u2029]", "\n", text)
    dropped = "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
    text = unicodedata.normalize("NFC", re.sub(dropped, "", text))
    text = re.sub("[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+", " ", text)
    return re.sub("\n{3,}", "\n\n", re.sub(" ?\n ?", "\n", text)).strip(" \n")


@settings(max_examples=500, deadline=None)
@given(odd, st.integers(1, 12), st.sets(st.integers(0, 80)))
def test_piece_by_piece_is_the_same_as_at_once(text: str, piece: int, cuts: set[int]) -> None:
    expected = by_definition(text)
    assert normalize_text(text) == expected
    ends = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    with mock.patch.object(text_module, "PIECE", piece):
        assert normalize_text(text) == expected
        assert is_normal(expected) and is_normal(text) == (text == expected)
        pieces = [text[start:end] for start, end in pairwise(ends)]
        assert "".join(normalized(pieces)) == expected


def test_what_follows_a_seam_never_composes_with_what_stands_before_it() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    taken_apart = [unicodedata.normalize("NFD", sign) for sign in every]
    # Pairs that become one sign: their second halves must begin no piece.
    seconds = {
        apart[-1]
        for sign, apart in zip(every, taken_apart, strict=True)
        if len(apart) > 1 and unicodedata.normalize("NFC", apart) == sign
    }
    for sign, apart in zip(every, taken_apart, strict=True):
        if text_module._SEAM.match(sign):
            assert not unicodedata.combining(apart[0]), hex(ord(sign))
            assert apart[0] not in seconds, hex(ord(sign))
            assert by_definition(sign) == unicodedata.normalize("NFC", sign), hex(ord(sign))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["line", "block", "heading"]), odd), max_size=12))
def test_a_built_document_is_normal_and_its_offsets_are_exact(parts: list[tuple[str, str]]) -> None:
    builder = DocumentBuilder()
    expected = []
    for kind, text in parts:
        if kind == "heading":
            builder.heading(text, 2, text)
            if normalize_text(text):
                expected.append(normalize_text(text))
        else:
            getattr(builder, kind)(text)
    built = builder.build()
    assert normalize_text(built.text) == built.text
    assert builder.length == len(built.text)
    found = [built.text[start:end] for start, end, _, _ in built.headings]
    assert found == expected
