"""Which 8-bit or Asian encoding a text without a mark is in, where it is no Unicode.

Letters above ASCII tell: those of a right reading are all of one language, those of a wrong one are
of several or of none ("pĺ" for "på"). Where no language of Latin script fits, charset-normalizer
decides among the others; for short Latin texts it guesses.
"""

from __future__ import annotations

import re
from collections import Counter

from charset_normalizer import from_bytes

# In this order where two readings fit alike: Western European files are by far the most.
_LATIN = ("cp1252", "cp1250", "cp1254", "iso8859_2")
_OTHERS = [
    "cp1251", "cp1253", "cp1255", "cp1256",
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r",
]  # fmt: skip
# Letters above ASCII that words of a language have (Unicode CLDR, main and auxiliary letters).
_LANGUAGES = {
    "German": "äöüß",
    "French": "àâæçèéêëîïôœùûüÿ",
    "Spanish, Catalan": "áéíóúüñàèïòç",
    "Portuguese": "áâãàçéêíóôõúü",
    "Italian": "àèéìíîòóùú",
    "Dutch": "áéëïíóöüè",
    "Danish, Norwegian": "æøåéèòóô",
    "Swedish, Finnish": "åäöéšž",
    "Icelandic, Faroese": "áðéíóúýþæöø",
    "Irish, Welsh": "áéíóúâêîôûŵŷ",
    "Estonian": "äõöüšž",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Polish": "ąćęłńóśźż",
    "Hungarian": "áéíóöőúüű",
    "Croatian, Slovene, Bosnian": "čćđšž",
    "Romanian": "ăâîşţ",
    "Albanian": "çë",
    "Turkish": "çğıöşüâîûİ",
}
_LETTERS = [frozenset(letters + letters.upper()) for letters in _LANGUAGES.values()]
# What stands in texts of any language.
_MARKS = frozenset("‘’‚“”„«»‹›–—…•·§©®™°±×÷²³¹¼½¾µ€£¥¢¡¿ªº†‡‰\xa0\xad")
_ABOVE_ASCII = re.compile("[^\x00-\x7f]+")
# So great a part of them has to be one language's: else others are asked, then none is.
_FITS, _MAY_FIT = 0.9, 0.6


def guess(sample: bytes) -> str:
    """Name of the encoding that ``sample`` is most probably in; it is not UTF-8."""
    fits = {encoding: _fit(sample, encoding) for encoding in _LATIN}
    best = max(_LATIN, key=lambda encoding: fits[encoding])
    if fits[best] >= _FITS:
        return best
    likely = [encoding for encoding in _LATIN if fits[encoding] >= _MAY_FIT]
    found = from_bytes(sample, cp_isolation=[*likely, *_OTHERS]).best()
    return found.encoding if found else "cp1252"


def _fit(sample: bytes, encoding: str) -> float:
    """Share of the characters above ASCII that one language has, of the one that has the most."""
    text = sample.decode(encoding, "replace")
    found = Counter("".join(_ABOVE_ASCII.findall(text)))
    marks = sum(times for char, times in found.items() if char in _MARKS)
    letters = max(
        sum(times for char, times in found.items() if char in language) for language in _LETTERS
    )
    return (marks + letters) / max(1, found.total())
