"""How likely bytes are a text of some script that is not Latin, in each encoding it has had.

Letters are not equally frequent. A reading in a wrong encoding is of rare letters, of signs that no
language has, or mixes scripts and cases within a word.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from math import exp, log

from ingestion.parsing.legacy_letters import ALPHABETS, ASIAN, BOXES, CASED, MARKS, OTHERS

# Natural logarithms of what stands in no text, and of what makes a word odd.
_NEVER, _ODD = -12.0, -4.0
# Letters fall off so fast by rank.
_FALL = 9.0

# Encodings with the models that may be in them, and what is taken off for those that are rare.
_ENCODINGS: dict[str, tuple[tuple[str, ...], float]] = {
    "cp1251": (("Russian", "Ukrainian", "Bulgarian", "Serbian"), 0.0),
    "koi8_r": (("Russian",), 0.7), "koi8_u": (("Ukrainian",), 1.0),
    "cp866": (("Russian", "Ukrainian"), 0.7), "cp1125": (("Ukrainian",), 1.0),
    "iso8859_5": (("Russian", "Serbian"), 1.5),
    "mac_cyrillic": (("Russian",), 8.0),
    "cp1253": (("Greek",), 0.0), "iso8859_7": (("Greek",), 4.0),
    "cp1255": (("Hebrew",), 0.0), "cp1256": (("Arabic",), 0.0), "iso8859_6": (("Arabic",), 1.5),
    "cp874": (("Thai",), 0.0),
    "cp932": (("Japanese",), 0.0), "euc_jp": (("Japanese",), 0.0), "cp949": (("Korean",), 0.0),
    "gb18030": (("Chinese",), 0.0), "big5": (("Taiwanese",), 0.0), "cp950": (("Taiwanese",), 0.5),
}  # fmt: skip
_ABOVE = re.compile("[^\x00-\x7f]")
_MIXED = re.compile(r"[A-Za-z](?=[^\W\d_])(?=[^\x00-\x7f])|(?<=[^\x00-\x7f])(?<=[^\W\d_])[A-Za-z]")
_WITHIN = re.compile("[a-z]{3}(?=[^\x00-\x7f])|[a-z](?=[^\x00-\x7f][a-z])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_CAPITAL = 0.1
# Bytes that are enough to tell.
_SAMPLE = 8 * 1024


def best_script(sample: bytes) -> tuple[str, float]:
    """(the likeliest encoding, how likely: the mean logarithm over its letters' bytes)."""
    sample = sample[:_SAMPLE]
    found = {encoding: _likelihood(sample, encoding) for encoding in _ENCODINGS}
    best = max(_ENCODINGS, key=lambda encoding: found[encoding])
    return best, found[best]


def _likelihood(sample: bytes, encoding: str) -> float:
    text = sample.decode(encoding, "replace")
    languages, rare = _ENCODINGS[encoding]
    above = "".join(_ABOVE.findall(text))
    odd = len((_WITHIN if languages[0] in ASIAN else _MIXED).findall(text))
    if languages[0] in CASED:
        odd += sum(_is_odd(word) for word in _WORD.findall(text) if not word.isascii())
        if above.isupper():
            above, rare = above.lower(), rare + 1  # a headline
    counted = Counter(above)
    totals = (
        sum(times * _chance(language, char) for char, times in counted.items())
        for language in languages
    )
    width = 2 if languages[0] in ASIAN else 1
    return (max(totals) + _ODD * odd - rare) / max(1, width * len(above))


def _is_odd(word: str) -> bool:
    """Whether a small letter stands before a capital one in it."""
    return not (word[1:].islower() or word.isupper())


@cache
def _chance(language: str, char: str) -> float:
    """The logarithm of the share that ``char`` has in texts of the language."""
    if char in MARKS:
        return log(0.004)
    if char in BOXES and language in CASED:
        return log(0.004)
    if language in ASIAN:
        return _chance_in_asia(language, char)
    letters = ALPHABETS[language]
    small = _plain(char)
    if small not in letters:
        return _NEVER
    share = exp(-letters.index(small) / _FALL) / _FALL
    return log(share if small == char else share * _CAPITAL)


def _plain(char: str) -> str:
    small = char.lower()
    return small if len(small) == 1 else char


def _chance_in_asia(language: str, char: str) -> float:
    for common, share in ASIAN[language]:
        if char in common:
            return log(share / len(common))
    for block, count, share in OTHERS[language]:
        if block[0] <= char <= block[2]:
            return log(share / count)
    return log(0.0005 / 100) if "\uff01" <= char <= "\uff9f" else _NEVER
