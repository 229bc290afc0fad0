"""The one normal form of text: all offsets of the house count in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from io import IncrementalNewlineDecoder

# Line and paragraph separators of all kinds, vertical tab, form feed, NEL.
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Control characters but tab and newline, lone surrogates, the zero-width BOM and U+FFFE.
_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
# Runs that are not a single space already: of those a text has as many as words.
_OTHER_SPACES = "\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SPACES = re.compile(f"[ {_OTHER_SPACES}]{{2,}}|[{_OTHER_SPACES}]")
_AROUND_NEWLINE = re.compile(" \n ?|\n ")
_BLANK_LINES = re.compile("\n{3,}")
# What of the above is ASCII; and blanks that the normal form has none of.
_ODD_ASCII = re.compile("[\x00-\x09\x0b-\x1f\x7f]")
_ODD_BLANKS = ("  ", " \n", "\n ", "\n\n\n")
# Where a text may be cut and each side be normalised alone: before a visible character that never
# composes with what stands before it (of letters and digits, the vowels of Hangul do).
_SEAM = re.compile("[!-~]|[^\\W\u1100-\u11ff]")
# Characters that are normalised together: matches of a whole book are many times its size.
PIECE = 64 * 1024


def normalize_text(text: str) -> str:
    """Normal form of ``text``: NFC, ``\\n`` as line end, single spaces, one blank line at most.

    ``"Hello world \\n\\n foo"`` becomes ``"Hello world\\n\\nfoo"``. Doing it twice changes nothing.
    Indentation is lost on purpose, in code blocks too.
    """
    if len(text) <= PIECE:
        return _normal(text).strip(" \n")
    return "".join(normalized([text]))


def is_normal(text: str) -> bool:
    """Whether ``text`` is its own normal form; takes no second copy to tell."""
    at = 0
    for piece in normalized([text]):
        if not text.startswith(piece, at):
            return False
        at += len(piece)
    return at == len(text)


def normalized(texts: Iterable[str]) -> Iterator[str]:
    """The normal form of ``texts`` joined, piece by piece."""
    begun = False
    before = ""
    for piece in _cut(texts):
        if before:
            yield before
        before = _normal(piece)
        if not begun:
            before = before.lstrip(" \n")
            begun = True
    yield before.rstrip(" \n")


def unix_lines(pieces: Iterable[str]) -> Iterator[str]:
    """``pieces`` with ``\\n`` as line end."""
    newlines = IncrementalNewlineDecoder(None, translate=True)
    for piece in pieces:
        yield newlines.decode(piece)
    yield newlines.decode("", final=True)


def split_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of ``pieces`` joined, as ``split("\\n")`` tells them."""
    begun: list[str] = []
    for piece in pieces:
        *lines, rest = piece.split("\n")
        for line in lines:
            yield "".join(begun) + line
            begun.clear()
        begun.append(rest)
    yield "".join(begun)


def _cut(texts: Iterable[str]) -> Iterator[str]:
    """``texts`` joined and cut anew, at seams."""
    rest = ""
    for text in texts:
        for at in range(0, len(text), PIECE):
            seen = max(PIECE, len(rest))
            rest += text[at : at + PIECE]
            if seam := _SEAM.search(rest, seen):
                yield rest[: seam.start()]
                rest = rest[seam.start() :]
    yield rest


def _normal(text: str) -> str:
    """The normal form but for the ends."""
    if (
        text.isascii()
        and not _ODD_ASCII.search(text)
        and not any(odd in text for odd in _ODD_BLANKS)
    ):
        return text  # as most are; to see it takes a tenth of the time
    text = _LINE_END.sub("\n", text)
    # Dropped characters go first: they may stand between a letter and its accent.
    text = unicodedata.normalize("NFC", _DROPPED.sub("", text))
    text = _AROUND_NEWLINE.sub("\n", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text)
