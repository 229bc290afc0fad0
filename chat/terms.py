"""Words of a text that carry meaning, for comparisons without a model. No language is assumed."""

from __future__ import annotations

import re
import unicodedata

# Short lists of the commonest function words: enough that a question's frame ("what is the …")
# does not count as content. Words that are content in English are left out ("van", "comment"). A
# language that is not here only loses a little sharpness.
_STOP_WORDS = frozenset(
    """
    a about after all also am an and any are as at be been before but by can could did do does doing
    for from get give had has have he her him his how i if in into is it its just know like many may
    me more most much must my no not of on one or our out over please s shall she should so some
    such t tell than that the their them then there these they this those to too under up us use
    used was we were what when where which while who whom whose why will with would you your
    der das den dem des ein eine einen einem einer und oder ist sind wie was wer wo wann
    warum welche welcher welches ich du er sie es wir ihr nicht mit von zu im in auf für bei aus
    nach über auch kann mir mich haben wird werden bitte gibt
    le la les un une des du de et ou est sont que qui quoi quel quelle quels quelles où
    quand pourquoi je tu il elle nous vous ils pas avec pour dans sur par ce cette mon ma mes
    el los las una unos unas y o es qué que quién cuál cuáles cómo dónde cuándo por para con en
    su sus mi del al lo se no
    il lo gli uno che chi quando perché quale sono è di da per non si
    o os as um uma e ou é são como onde quando qual quais não do da dos das no na em
    de het een en is zijn wat wie waar hoe niet met voor op te dat
    """.split()  # noqa: SIM905 - two hundred quoted words would not be read by anybody
)
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_CJK}]+|(?:(?![{_CJK}])[^\W_])+")
_CJK_RUN = re.compile(rf"[{_CJK}]")


# The same for Chinese and Japanese, whose questions are not cut by spaces.
_CJK_FUNCTION = re.compile(
    "为什么|什么|什麼|多少|怎么|怎麼|怎样|如何|哪里|哪些|可以|我们|你们|的|了|是|在|有|吗|呢|几|和|我|你|请|"
    "ですか|ますか|です|ます|ください|どの|どこ|いつ|なぜ|何|は|が|を|に|で|と|も|か|の"
)


def words(text: str) -> list[str]:
    """Words in order, case-folded. A script without spaces gives pairs of characters."""
    found: list[str] = []
    for run in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if not _CJK_RUN.match(run):
            found.append(run)
            continue
        for part in filter(None, _CJK_FUNCTION.split(run)):
            pairs = [part[place : place + 2] for place in range(len(part) - 1)]
            found.extend(pairs or [part])
    return found


def is_stop_word(word: str) -> bool:
    return word in _STOP_WORDS


def stem(word: str) -> str:
    """A crude common beginning of a word's forms: plural and verb endings go, then six letters."""
    if len(word) > 4 and word.isascii():
        for ending in ("ing", "ies", "ed", "es", "s"):
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word = word[: -len(ending)]
                break
    return word[:6]


def content_terms(text: str) -> list[str]:
    """Stems of the words that are no function words, each once, in order."""
    return list(dict.fromkeys(stem(word) for word in words(text) if word not in _STOP_WORDS))
