"""How likely words are one of the languages of Latin script, by how often letters stand in these.

Several readings of the same bytes may be of letters that some language has. Which one is right is
told by its other letters too: a text like Latvian is hardly French with all its rare letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import exp, log

# Letters by how often they stand in the translations of Django; behind a blank those that are rarer
# there than one of 12,500 (Unicode CLDR, main and auxiliary letters).
LANGUAGES = {
    "English": "etaosnirldchupgmybwfvkjxqz ",
    "German": "enitsradlughocmbzfwkpüväyjößqx ",
    "French": "esiatnruoldcpmvéfhbgqzjxèêyàkîçûôw âëïùœæÿ",
    "Spanish": "eaonrisctdlumpvbgfhóáqjyúízñxékw ü",
    "Catalan": "easirntolucdpmvbhgfqàóxyéjíïèúçzòküw ",
    "Portuguese": "eoairsndtmuclpvfãghábqçjzxéúíêõkywóâà ôü",
    "Italian": "ieaontrsldcumpgvzfhbqèwkyùòjàéì íîóú",
    "Dutch": "entairodsgluvmcwkbhjpzfyxqï ëéóöüèáí",
    "Danish": "etrnidlasgkomuvfbhæpyåjøcwzéx qèòóô",
    "Norwegian": "ertnilasdokgmupvfjbhyåøcæwzqxé èòóô",
    "Swedish": "teanrilsdogkmävfubphöcyåjxwzq éšž",
    "Finnish": "atienolsäukmvrypjhdögbcfzwxå qšž",
    "Icelandic": "airetnlsuðgkfmvdoyþháíbóöjúpæécýxwz ø",
    "Irish": "aihnrestolcdmguáífbéúpóyvjkwqzx ",
    "Welsh": "deainyrwlohcgsftumbpëôvjâz îûŵŷïáéíóú",
    "Estonian": "eaistulnokrdmväpgjhbõüfcöywšzq ž",
    "Czech": "oenatlsupdvikrmyíbházjcžěéščřýůgfúwxňóďťq ö",
    "Slovak": "eaontisrlvpdkumybházcjížéťčýšúľfgóôxňďwäq ĺŕ",
    "Polish": "aieonwsztrypkudclmjbłgężąhśćófńźvq x",
    "Hungarian": "eatlsnzkroméiágdvbjyhuópőöcfíüúűwxq ",
    "Croatian": "aieonrstjkldmuvpzbgcščhžćfđyw qx",
    "Slovene": "eainotrvsljpkmdzbučšgchžfy ćđwqx",
    "Romanian": "eaitrnulcosdămpvfţgbzîşxhjâkywq ",
    "Albanian": "eëitrasnhjuomldkpgfvbyzqcçxw ",
    "Lithuanian": "iastenroukldpmjvgšbųžyėįąūfcčęzhq wx",
    "Latvian": "aisternuklmovādpjīzēbgšcūfņļyhģžwķ čqx",
    "Turkish": "ieanlrdtsıkmuybogzçüşğcphfövjw âîûqx",
}  # fmt: skip
# Natural logarithms of what is none of a language, and of a mark in it.
_NEVER, _RARE, _MARK = -12.0, -8.0, -6.5
# Letters fall off so fast by rank.
_FALL = 9.0


def likelihood(letters: Mapping[str, int], marks: int) -> float:
    """The logarithm of how likely a text is in the language that it is likeliest in.

    ``letters`` are its small letters, and whatever else no language has, by how often they stand
    there; ``marks`` of any language are only counted.
    """
    return _MARK * marks + max(
        sum(times * chances.get(char, _NEVER) for char, times in letters.items())
        for chances in _models()
    )


@cache
def _models() -> list[dict[str, float]]:
    return [
        {char: log(exp(-at / _FALL) / _FALL) for at, char in enumerate(counted)}
        | dict.fromkeys(rarer, _RARE)
        for counted, rarer in (letters.split(" ") for letters in LANGUAGES.values())
    ]
