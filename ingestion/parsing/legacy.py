"""Which 8-bit or Asian encoding a text without a mark is in, where it is no Unicode.

Letters above ASCII tell: those of a right reading are all of one language, those of a wrong one are
of several or of none ("pĺ" for "på"), or stand where none would. Of several readings that may be
right the likeliest is taken (``legacy_latin``). Where no language of Latin script fits, frequencies
of letters tell the others apart (``legacy_scripts``). What is none of those is left to
charset-normalizer; for short Latin texts it guesses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from charset_normalizer import from_bytes

from ingestion.parsing.legacy_latin import likelihood
from ingestion.parsing.legacy_letters import BOXES
from ingestion.parsing.legacy_scripts import best_script

# Encodings, those of Windows and others of Unix before those of DOS and of old Macintoshes, with
# what is taken off a logarithm for being rare: Western European files are by far the most.
_LATIN = {"cp1252": 0.0, "cp1250": 3.0, "cp1254": 3.0, "iso8859_2": 4.0, "cp1257": 3.0}
_OLDER = {"cp850": 4.0, "mac_roman": 5.0, "cp437": 5.0, "cp852": 5.0}
# Bytes that are enough to tell.
_ENOUGH = 8 * 1024
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
    "Lithuanian": "ąčęėįšųūž",
    "Latvian": "āčēģīķļņšūž",
    "Turkish": "çğıöşüâîûİ",
}
_LETTERS = [frozenset(letters + letters.upper()) for letters in _LANGUAGES.values()]
# DOS drew its tables with letters.
_DRAWN = frozenset(BOXES)
_DRAWING = re.compile(f"[{BOXES}]+")
_ANY = [frozenset().union(*_LETTERS)]
# What stands in texts of any language.
_MARKS = frozenset("‘’‚“”„«»‹›–—…•·§©®™°±×÷²³¹¼½¾µ€£¥¢¡¿ªº†‡‰\xa0\xad")
# Characters above ASCII with what stands beside them.
_ABOVE_ASCII = re.compile("(?<=(.))?([^\x00-\x7f])(?=(.))?", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{2,}")
# Within a word there are these only, and none of these behind one.
_INSIDE = frozenset("‘’–—…·®°²³×µªº\xa0\xad")
_OPENING = frozenset("„‚¿¡")
# So great a part of them has to be one language's: else others are asked, then none is.
_FITS, _MAY_FIT = 0.9, 0.6
# Of the letters of words that have some above ASCII so many are above, at most; fewer tell nothing.
# Several in a row are fewer than half of them.
_MOST_ABOVE, _TELLING, _MOST_IN_RUNS = 0.7, 4, 0.5
_RUN = re.compile("[^\x00-\x7f]{3,}")
_ABOVE = re.compile("[^\x00-\x7f]")
_GERMAN = _MARKS | frozenset("äöüßÄÖÜ")
# A quote that opens within a word, or closes though none is open: letters of another encoding.
_QUOTE = frozenset("”")
_BROKEN_QUOTE = re.compile(r"\w“|\A[^“]*”")
# Means of logarithms: what a text of a known script reaches.
_LIKELY, _SURE = -5.0, -4.2


def guess(sample: bytes) -> str:
    """Name of the encoding that ``sample`` is most probably in; it is not UTF-8."""
    fits = {encoding: _fit(sample, encoding) for encoding in (*_LATIN, *_OLDER)}
    fitting = [encoding for encoding, fit in fits.items() if fit >= _FITS]
    best = max(fitting, key=lambda encoding: _likelihood(sample, encoding), default=None)
    if best in _LATIN:
        return "cp1254" if "cp1254" in fitting and _is_turkish(sample) else best
    script, likely = best_script(sample)
    is_script = likely >= _SURE and _has_words(sample, script)
    if best and not is_script and ("cp1252" in fitting or not _is_of_several(sample)):
        return best
    if likely >= _LIKELY:
        return script
    perhaps = [encoding for encoding in _LATIN if fits[encoding] >= _MAY_FIT]
    found = from_bytes(sample, cp_isolation=[*perhaps, *_OTHERS]).best()
    return found.encoding if found else "cp1252"


def _is_of_several(sample: bytes) -> bool:
    """Whether it may be a text in several languages, as lists of their names are."""
    return _fit(sample, "cp1252", _ANY) >= _FITS


def _likelihood(sample: bytes, encoding: str) -> float:
    """How likely the reading is, as a logarithm, with how rare its encoding is taken off."""
    counted = Counter(sample[:_ENOUGH].decode(encoding, "replace").lower())
    marks = sum(times for char, times in counted.items() if char in _MARKS)
    letters = {char: times for char, times in counted.items() if _is_told(char)}
    return likelihood(letters, marks) - (_LATIN | _OLDER)[encoding]


def _is_told(char: str) -> bool:
    """Whether it says something of the language: what is above ASCII does, and all letters."""
    return char not in _MARKS and (not char.isascii() or char.isalpha())


def is_sure(sample: bytes) -> bool:
    """Whether ``sample`` is clearly a text of another script, though much of it may be UTF-8."""
    script, likely = best_script(sample)
    return likely >= _SURE and _has_words(sample, script)


def _has_words(sample: bytes, encoding: str) -> bool:
    """Whether half of what is above ASCII stands in words of its own."""
    text = sample.decode(encoding, "replace")
    words = sum(len(run) for run in _RUN.findall(text))
    return words > _MOST_IN_RUNS * len(_ABOVE.findall(text))


def _fit(sample: bytes, encoding: str, languages: Sequence[frozenset[str]] = _LETTERS) -> float:
    """Share of the characters above ASCII that one language has, of the one that has the most."""
    text = sample.decode(encoding, "replace")
    if not _is_latin(text):
        return 0.0
    found = Counter(_ABOVE_ASCII.findall(text))
    total = found.total()
    inside = _INSIDE | _QUOTE if _BROKEN_QUOTE.search(text) is None else _INSIDE
    found = Counter({key: times for key, times in found.items() if not _is_odd(key, inside)})
    marks = _MARKS | _DRAWN if _is_drawn(text) else _MARKS
    common = sum(times for (_, char, _), times in found.items() if char in marks)
    letters = max(
        sum(times for (_, char, _), times in found.items() if char in language)
        for language in languages
    )
    return (common + letters - _shouted(text)) / max(1, total)


def _shouted(text: str) -> int:
    """How many small letters above ASCII stand in words whose other letters are capital ones."""
    found = 0
    for word in _WORD.findall(text):
        plain = "" if word.isascii() else _ABOVE.sub("", word)
        if len(plain) > 1 and plain.isupper():
            found += sum(char.islower() for char in word)
    return found


def _is_drawn(text: str) -> bool:
    """Whether a table is drawn in it: else these are letters of other scripts, read wrongly."""
    return "───" in text or "═══" in text


def _is_latin(text: str) -> bool:
    """Whether what is above ASCII stands among letters of ASCII, as in words of Latin script."""
    if _is_drawn(text):
        text = _DRAWING.sub(" ", text)
    above = _ABOVE.findall(text)
    if _GERMAN.issuperset(above) and not _MARKS.issuperset(above):
        return True  # they come together where somebody lists them
    runs = sum(len(run) for run in _RUN.findall(text) if len(set(run)) > 1)
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    letters = sum(not char.isascii() for word in words for char in word)
    few = letters < _TELLING or letters <= _MOST_ABOVE * sum(map(len, words))
    return few and runs <= _MOST_IN_RUNS * len(above)


def _is_odd(beside: tuple[str, str, str], inside: frozenset[str]) -> bool:
    """Whether no text has the character between those two."""
    before, char, after = beside
    if char.isalpha():
        return char.isupper() and before.isalpha() and (before.islower() or after.islower())
    if char in _OPENING:
        return before.isalpha()
    if char in "£¥¢":
        return after.isalpha()
    return before.isalpha() and (char in "¼½¾" or (after.isalpha() and char not in inside))


def _is_turkish(sample: bytes) -> bool:
    """Whether what reads as Icelandic is not: that has accents in each of its sentences."""
    letters = set(sample.decode("cp1252", "replace").lower())
    return "ý" in letters and bool(letters & set("þð")) and not letters & set("áéíóúæ")
