"""Whether bytes without a mark are UTF-16, and in which order.

Latin letters tell by the zero in each. Other scripts have few zeros, those of blanks and line ends:
the right order makes letters of few blocks of Unicode, the wrong one of many, or of none.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter

_SAMPLE = 4096
_CONTROLS = re.compile("[\x00-\x07\x0e-\x19\x1c-\x1f\x7f\ufffd]")
_STRANGE = 0.1
# Fewer characters tell nothing of other scripts.
_FEWEST = 8
# Of letters that are no Latin ones so many may be none, or stand outside the scripts in use.
_MOST_ODD = 0.02
_IN_USE = re.compile(
    "[\t\n\r -~\xa0-\u024f\u0370-\u06ff\u0900-\u0fff\u10a0-\u11ff\u1e00-\u1fff\u2010-\u2027"
    "\u2030-\u22ff\u2500-\u25ff\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]"
)
_ASCII = re.compile("[\t\n\r -~]")
# Blocks of alphabets: their numbers are control characters to a text of single bytes. So great a
# share of one is in one of them.
_ALPHABETS, _DOMINANT = range(3, 0x12), 0.4
# Two orders that both may be: the blocks of one have to be as few as this share of the other's.
_CLEARLY = 0.7


def bare_utf16(data: bytes) -> str | None:
    """``"utf-16-le"``, ``"utf-16-be"``, or None where it is something else or cannot be told."""
    sample = data[:_SAMPLE]
    if len(data) % 2:
        return None
    half = max(1, len(sample) // 2)
    odd, even = sample[1::2].count(0) / half, sample[0::2].count(0) / half
    if odd > 0.3 and even < 0.05:
        return "utf-16-le" if _reads_as(sample, "utf-16-le") else None
    if even > 0.3 and odd < 0.05:
        return "utf-16-be" if _reads_as(sample, "utf-16-be") else None
    return _by_letters(sample)


def _reads_as(sample: bytes, encoding: str) -> bool:
    text = sample.decode(encoding, "replace")
    return len(_CONTROLS.findall(text)) <= _STRANGE * len(text)


def _by_letters(sample: bytes) -> str | None:
    if len(sample) < 2 * _FEWEST or 0 not in sample:
        return None
    blocks = {
        encoding: found
        for encoding in ("utf-16-le", "utf-16-be")
        if (found := _blocks(sample, encoding))
    }
    best = min(blocks, key=lambda encoding: blocks[encoding], default=None)
    others = [found for encoding, found in blocks.items() if encoding != best]
    if best is None or any(blocks[best] > _CLEARLY * other for other in others):
        return None
    return best


def _blocks(sample: bytes, encoding: str) -> int:
    """Blocks of 256 characters that ``sample`` has letters of; 0 where it reads as no text."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0
    odd = len(text) - len(_IN_USE.findall(text))
    odd += sum(unicodedata.category(char) == "Cn" for char in text)
    if odd > _MOST_ODD * len(text) or not _ASCII.search(text):
        return 0
    blocks = Counter(ord(char) >> 8 for char in text)
    if _is_utf8(sample) and max(map(blocks.__getitem__, _ALPHABETS)) < _DOMINANT * len(text):
        return 0  # a text of single bytes: two of them together are often some ideograph
    return len(blocks)


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True
