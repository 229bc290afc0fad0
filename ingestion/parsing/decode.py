"""Bytes to text for files that do not say, or wrongly say, how they are encoded."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from ingestion.parsing import legacy
from ingestion.parsing.utf16 import bare_utf16

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that one's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})"""
    rb"""|<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{2,40})""",
    re.IGNORECASE,
)
# Old mails' encodings of seven bits, which are ASCII to whoever overlooks where they shift.
_SHIFTED = ((b"\x1b$B", "iso2022_jp"), (b"\x1b$@", "iso2022_jp"), (b"\x1b$)C", "iso2022_kr"))
_MEANT = {
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "shift_jis": "cp932", "euc_kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030",
    # Ways to write names and programs, no encodings of texts; one takes minutes for a megabyte.
    "punycode": "", "idna": "", "unicode-escape": "", "raw-unicode-escape": "",
}  # fmt: skip
_SAMPLE = 64 * 1024
_ODD = re.compile(rb"[\x80-\xff]")
_ABOVE = re.compile("[^\x00-\x7f]+")
# What hardly a text has. Separators of fields, shifts between alphabets, a backspace, an escape and
# the old end of a file do stand in some.
_CONTROLS = re.compile(rb"[\x00\x02-\x07\x10-\x19\x7f]")
# Bytes that tell whether it is text, and the share of such characters that one may hold: any bytes
# are some letters in cp1252, so what is no Unicode has to look better.
_LOOKED_AT = 8192
_STRANGE_UNICODE, _STRANGE = 0.1, 0.02
# Sequences of UTF-8 that outweigh a broken one.
_OUTWEIGH = 3
# NULs that slip into a text, by bytes: a log has one where its machine went down. Three in a row
# fill up a field of a binary file.
_MOST_NULS, _MOST_NULS_8_BIT = 0.02, 0.001
_FILLED = b"\0\0\0"
# Bytes that are decoded together.
_PIECE = 64 * 1024


def has_bom(data: bytes) -> bool:
    return any(data.startswith(mark) for mark, _ in _BOMS)


def decode(data: bytes, *, markup: bool = False) -> str:
    """Text of ``data``: mark, UTF-16 without one, UTF-8, declaration (``markup``), then a guess.

    Never fails: what cannot be decoded becomes U+FFFD.
    """
    return data.decode(_encoding(data, markup=markup), "replace")


def decode_pieces(data: bytes) -> Iterator[str]:
    """What ``decode`` yields, piece by piece: one emoji makes a whole text four times as large."""
    encoding = _encoding(data, markup=False)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for at in range(0, len(data), _PIECE):
        yield decoder.decode(data[at : at + _PIECE])
    yield decoder.decode(b"", final=True)


def _encoding(data: bytes, *, markup: bool) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    # Before UTF-8: letters of many scripts are bytes below 128 in it.
    if 0 in data[:_LOOKED_AT] and (wide := bare_utf16(data)):
        return wide
    for escape, encoding in _SHIFTED:
        if escape in data[:_SAMPLE] and _reads(data, encoding):
            return encoding
    if _is_utf8(data):
        return "utf-8"
    declared = _declared(data) if markup else None
    if declared:
        return declared
    is_utf8 = _mostly_utf8(data) and not legacy.is_sure(_telling(data))
    return "utf-8" if is_utf8 else _guess(data)


def _is_utf8(data: bytes, *, whole: bool = True) -> bool:
    return _reads(data, "utf-8", whole=whole)


def _reads(data: bytes, encoding: str, *, whole: bool = True) -> bool:
    """``whole`` is False where it may end within a character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for at in range(0, len(data), _PIECE):
            decoder.decode(data[at : at + _PIECE])
        decoder.decode(b"", final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data, 0, 4096)
    if not found:
        return None
    name = (found[1] or found[2]).decode("ascii")
    try:
        info = codecs.lookup("cp1252" if name.lower() == "us-ascii" else web_name(name))
    except LookupError:
        return None
    # Some codecs are no text encodings (hex, rot13); UTF-8 was tried, UTF-16 would show no tag.
    is_text = getattr(info, "_is_text_encoding", True)
    return info.name if is_text and not info.name.startswith("utf") else None


def web_name(declared: str) -> str:
    """The encoding that is meant where ``declared`` is, as browsers read it (WHATWG).

    Old names stand for what Windows made of them: no text holds the control characters that cp1252
    has quotes for.
    """
    try:
        name = codecs.lookup(declared).name
    except (LookupError, ValueError):  # no name at all, with a NUL in it
        return declared
    return _MEANT.get(name, name)


def looks_binary(data: bytes) -> bool:
    """Whether no text begins so: NULs that no encoding explains, or many control characters."""
    sample = data[:_LOOKED_AT]
    if has_bom(data):
        return False
    is_utf8 = _is_utf8(sample, whole=len(sample) == len(data)) or _mostly_utf8(sample)
    if b"\0" in sample:
        if bare_utf16(data):
            return False
        share = _MOST_NULS if is_utf8 else _MOST_NULS_8_BIT
        if _FILLED in sample or sample.count(0) > max(is_utf8, share * len(sample)):
            return True
    most = _STRANGE_UNICODE if is_utf8 else _STRANGE
    return len(_CONTROLS.findall(sample)) > most * len(sample)


def _mostly_utf8(data: bytes) -> bool:
    """Whether it is UTF-8 but for a few bytes: a text in another encoding has hardly a sequence."""
    if cut := _cut_utf8(data[:_SAMPLE]):
        return not cut.isascii()
    text = data[:_SAMPLE].decode("utf-8", "replace")
    broken = text.count("\ufffd")
    above = sum(map(len, _ABOVE.findall(text)))
    return above - broken > _OUTWEIGH * broken


def _cut_utf8(data: bytes) -> str:
    """``data`` as UTF-8 without a character that it ends within; "" where it is anything else."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return ""


def _guess(data: bytes) -> str:
    return legacy.guess(_telling(data))


def _telling(data: bytes) -> bytes:
    # The bytes that matter are the odd ones: start the sample a little before the first of them.
    odd = _ODD.search(data)
    start = max(0, odd.start() - 1024) if odd else 0
    return data[start : start + _SAMPLE]
