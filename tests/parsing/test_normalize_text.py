"""The normal form of text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.parsing.document import DocumentBuilder
from ingestion.parsing.text import normalize_text

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

odd = st.text(
    alphabet=st.one_of(
        st.sampled_from(" \t\n\r\x00\x0b\x0c\x85\xa0\u2028\u3000\ufeff\u0301e\ud800aB"),
        st.characters(),
    ),
    max_size=80,
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
