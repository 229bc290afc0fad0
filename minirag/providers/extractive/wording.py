"""The question's words: which weigh what, how many of them a piece holds, what they ask for."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_TERM = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_぀-ヿ㐀-鿿가-힣]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a about am an and any are as at be been but by can could did do does doing for from "
        "get  give had happen happens has have he her him his how i if in into is it its just "
        "know like many may me  mean means more most much must my no not of on one or our out "
        "over please s shall she should so some  such t tell than that the their them then "
        "there these they this those to too under up us  use used was we were what when where "
        "which while who whom whose why will with would you  your auf aus bei das dem den der "
        "des die ein eine einen einem einer es für hat ich im in  ist mit nach sind über und "
        "von was wann welche welcher welches wer wie wird wo zu zum zur",
    )
)
# Forms that no ending gives away, as "form/base".
_IRREGULAR = dict(
    re.findall(
        r"(\w+)/(\w+)",
        "lost/lose sold/sell paid/pay bought/buy built/build sent/send broke/break "
        "broken/break left/leave held/hold kept/keep made/make took/take taken/take told/tell "
        "found/find stole/steal stolen/steal worn/wear driven/drive ridden/ride rode/ride "
        "written/write wrote/write chosen/choose chose/choose began/begin begun/begin won/win "
        "wore/wear spent/spend lent/lend met/meet ran/run went/go gone/go came/come grew/grow "
        "grown/grow weight/weigh flown/fly flew/fly shown/show known/know knew/know born/bear "
        "led/lead",
    )
)
# What a name or a number of a thing looks like: E14, HB-500, SEV1, 36.
_CODE = re.compile(r"\d")
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|"
    r"forty|fifty|sixty|ninety|hundred|thousand|half|once|twice|free|none)\b",
    re.IGNORECASE,
)
_ASKS_NUMBER = re.compile(
    r"\bhow (?:much|many|long|often|fast|high|soon|old|far|heavy|big|large|late|early)\b|\bwhen\b|"
    r"\b(?:price|cost|costs|weight|number|percentage|torque|pressure|hours|telephone|phone)\b|"
    r"\bwie (?:viel|viele|lange|oft|hoch|schnell|weit|alt|schwer)\b|\bwann\b",
    re.IGNORECASE,
)
_ASKS_MORE = re.compile(
    r"\b(?:tell me (?:about|more)|explain|describe|list|overview|summar\w+|compare|difference|"
    r"what are|which \w+(?: \w+)? (?:are|do|does|can|have)|how (?:do|can|does|should|to)\b|"
    r"what happens|rules?|steps?)",
    re.IGNORECASE,
)
# The frame of a question, whose adjective is not what is asked for.
_FRAME = re.compile(
    r"\bhow (?:long|often|fast|high|soon|old|far|heavy|big|large|late|early)\b|"
    r"\bwie (?:lange|oft|hoch|schnell|weit|alt|schwer)\b",
    re.IGNORECASE,
)
# Where a second question begins: "and how …", "? What …".
_CLAUSE = re.compile(
    r"[?;]\s+|,?\s+(?:and|und|et|y)\s+(?=(?:what|how|when|where|who|which|why|is|are|do|does|can|"
    r"was|wie|wann|wo|wer|welche\w?|warum|combien|quand|qui|que|cuánto|cuándo)\b)",
    re.IGNORECASE,
)
# How a statement begins that holds in some cases only.
_CASE = re.compile(
    r"(?:after|before|if|when|whenever|unless|until|once|during|while|in case|wenn|falls|nach|vor|"
    r"si|quand|après|cuando)\s+(?P<case>[^,;:.]{1,60})",
    re.IGNORECASE,
)
# A word of the question that no piece has is taken for the one it is a slip of.
_SLIP = 0.8
_LEAST_SLIP = 4
# Weight of words carried over from an earlier question, and of the other question's in a message
# that asks two.
_CARRIED, _OTHER = 0.7, 0.4
# Shares that count where a word stands not in the piece itself but in its table's header, in the
# headings above it, or in the sentence before it.
_HEADER, _ABOVE, _BEFORE = 0.85, 0.5, 0.25
_MOST_CLAUSES = 3


def terms(text: str) -> frozenset[str]:
    """Lower-case words with plain English endings off; CJK by character."""
    return frozenset(_stem(word) for word in _TERM.findall(text.lower()) if word not in _STOP)


def clauses(question: str) -> list[str]:
    """The questions that a message asks, at most three; a message that asks one thing is one."""
    parts = [part for part in _CLAUSE.split(question) if terms(part)]
    return parts if 1 < len(parts) <= _MOST_CLAUSES else [question]


def _stem(word: str) -> str:
    word = _IRREGULAR.get(word, word)
    for ending in ("ness", "ing", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def has_number(text: str) -> bool:
    return _NUMBER.search(text) is not None


def asks_number(question: str) -> bool:
    """Whether a number, a time or a price is likely to be the answer."""
    return _ASKS_NUMBER.search(question) is not None


def asks_more(question: str) -> bool:
    """Whether one sentence is seldom the whole answer."""
    return _ASKS_MORE.search(question) is not None


def case(text: str) -> frozenset[str]:
    """Terms of the condition that a statement begins with, so that it holds in that case only."""
    found = _CASE.match(text)
    return terms(" ".join(found["case"].split()[:4])) if found else frozenset()


@dataclass(frozen=True, slots=True)
class Places:
    """Terms of a piece, of its table's header, of the headings above, of the piece before it."""

    own: frozenset[str]
    header: frozenset[str]
    above: frozenset[str]
    before: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wording:
    """The question's terms with their shares of its weight, which sum up to 1 (or are none)."""

    shares: dict[str, float]

    def held(self, having: Collection[str]) -> float:
        """Share (0 to 1) of the question's weight among the terms ``having``."""
        return sum(share for term, share in self.shares.items() if term in having)

    def coverage(self, places: Places) -> float:
        """Share held by a piece; less for what only its surroundings have."""
        total = 0.0
        for term, share in self.shares.items():
            if term in places.own:
                total += share
            elif term in places.header:
                total += _HEADER * share
            elif term in places.above:
                total += _ABOVE * share
            elif term in places.before:
                total += _BEFORE * share
        return total


def wording(
    question: str, query: str, texts: Sequence[Collection[str]], *, alone: bool = True
) -> Wording:
    """Weights by inverse frequency among the pieces at hand; names and numbers count double.

    ``query`` is the question with words carried over from the chat, ``texts`` the pieces' terms;
    not ``alone`` where the question is one of several in the query.
    """
    asked = terms(_FRAME.sub(" ", question))
    carried = _CARRIED if alone else _OTHER
    counts = Counter(term for having in texts for term in having)
    weights: dict[str, float] = {}
    for term in terms(_FRAME.sub(" ", query)):
        meant = term if term in counts else _meant(term, counts)
        weight = math.log(1 + (1 + len(texts)) / (1 + counts[meant]))
        weight *= 1.0 if term in asked else carried
        weight *= 2 if _CODE.search(term) else 1
        weights[meant] = max(weight, weights.get(meant, 0.0))
    total = sum(weights.values()) or 1.0
    return Wording({term: weight / total for term, weight in weights.items()})


def _meant(term: str, known: Collection[str]) -> str:
    """The known word that ``term`` is most likely a slip of, or itself."""
    if len(term) < _LEAST_SLIP or _CODE.search(term):
        return term
    near = [word for word in known if abs(len(word) - len(term)) <= 2 and word[0] == term[0]]
    return next(iter(get_close_matches(term, near, 1, _SLIP)), term)
