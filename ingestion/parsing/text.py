"""The one normal form of text: all offsets of the house count in it."""

from __future__ import annotations

import re
import unicodedata

# Line and paragraph separators of all kinds, vertical tab, form feed, NEL.
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Control characters but tab and newline, lone surrogates, the zero-width BOM and U+FFFE.
_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_SPACES = re.compile("[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_AROUND_NEWLINE = re.compile(" ?\n ?")
_BLANK_LINES = re.compile("\n{3,}")


def normalize_text(text: str) -> str:
    """Normal form of ``text``: NFC, ``\\n`` as line end, single spaces, one blank line at most.

    ``"Hello world \\n\\n foo"`` becomes ``"Hello world\\n\\nfoo"``. Doing it twice changes nothing.
    Indentation is lost on purpose, in code blocks too.
    """
    text = _LINE_END.sub("\n", text)
    # Dropped characters go first: they may stand between a letter and its accent.
    text = unicodedata.normalize("NFC", _DROPPED.sub("", text))
    text = _AROUND_NEWLINE.sub("\n", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text).strip(" \n")
