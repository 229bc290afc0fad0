"""Token counts in cl100k, the field's common yardstick, without a download and without litellm.

The table comes with litellm's wheel, whose file is read directly: importing litellm would cost
seconds. What looks like a special token in a text is plain text here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import tiktoken

# The name tiktoken's cache gives the file (SHA-1 of its public address), and its published SHA-256.
_TABLE = "litellm_core_utils/tokenizers/9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_TABLE_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
# cl100k_base's own split pattern, as tiktoken ships it.
PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_lock = Lock()
# Code points that are encoded at once: bounds memory on a text of any length.
_PIECE = 1 << 18
# How far a place is looked for where two pieces may part.
_SEARCHED = 4096
# The same within one slice, where a long search would cost more than it saves.
_NEAR = 256
# Tokens are numbered by their frequency: what comes before is stop words, marks and syllables.
_RARE = 2_000
_NONE = np.zeros(0, np.int64)


def table_path() -> Path:
    # find_spec locates a top-level package without running any of its code.
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("litellm is not installed: its wheel carries the token table.")
    return Path(spec.submodule_search_locations[0]) / _TABLE


@dataclass(frozen=True, slots=True)
class _Table:
    encoding: tiktoken.Encoding
    lengths: npt.NDArray[np.int64]  # bytes of each token


@lru_cache(maxsize=1)
def _load() -> _Table:
    data = table_path().read_bytes()
    if hashlib.sha256(data).hexdigest() != _TABLE_SHA256:
        raise RuntimeError("The cl100k token table is not the published one (SHA-256 differs).")
    pairs = (line.split() for line in data.splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    lengths = np.zeros(max(ranks.values()) + 1, dtype=np.int64)
    for token, rank in ranks.items():
        lengths[rank] = len(token)
    encoding = tiktoken.Encoding(
        "cl100k_ordinary", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    return _Table(encoding, lengths)


def _table() -> _Table:
    with _lock:  # lru_cache alone would let two threads load the table twice
        return _load()


def load_table() -> None:
    """Read the table now: half a second and 45 MB that the first count would take."""
    _table()


def _clean(text: str) -> str:
    if text.isascii():
        return text
    # A lone surrogate has no bytes in UTF-8; "?" keeps the number of code points.
    return text.encode("utf-8", "replace").decode("utf-8")


def count_tokens(text: str) -> int:
    """Number of cl100k tokens of ``text``."""
    return len(_table().encoding.encode_ordinary(_clean(text)))


def token_lengths(texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text, in order."""
    return [count_tokens(text) for text in texts]


def _is_seam(text: str, at: int) -> bool:
    """Whether ``text[at]`` is a blank behind an ASCII letter.

    There the pattern ends a piece whatever stands around: no branch of it goes on from a letter to
    a blank, and none looks back. So what is left and what is right of it have the tokens that they
    have together.
    """
    before = text[at - 1 : at]
    return text[at] == " " and before.isascii() and before.isalpha()


def _seam_after(text: str, start: int, end: int) -> int:
    """The first seam inside ``(start, end)``, -1 where there is none near."""
    at = text.find(" ", start + 1, min(end, start + _NEAR))
    while at >= 0 and not _is_seam(text, at):
        at = text.find(" ", at + 1, min(end, start + _NEAR))
    return at


def _seam_before(text: str, start: int, end: int, reach: int) -> int:
    """The last seam inside ``(start, end)``, -1 where there is none within ``reach``."""
    low = max(start + 1, end - reach)
    at = text.rfind(" ", low, end)
    while at >= 0 and not _is_seam(text, at):
        at = text.rfind(" ", low, at)
    return at


@dataclass(frozen=True, slots=True)
class TokenMap:
    """Where the tokens of one text end, in code points: ``ends[i]`` is the end of token ``i``.

    ``count`` is of the whole text's tokens; a slice by itself can differ by a token at either edge:
    ``count_alone`` says what ``count_tokens`` would say of it. ``even`` where the text could be
    encoded in pieces that part at seams, so that ``ends`` are those of the text in one piece.
    """

    text: str
    ends: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    even: bool = True

    def __len__(self) -> int:
        return len(self.ends)

    def count(self, start: int, end: int) -> int:
        """Tokens that end in ``text[start:end]``."""
        low, high = np.searchsorted(self.ends, (start, end), side="right")
        return int(high - low)

    def topical(self, at: int, tokens: int) -> tuple[set[int], set[int]]:
        """The rarer ones of the ``tokens`` before and behind ``at``."""
        place = int(np.searchsorted(self.ends, at, side="right"))
        around = self.ids[max(0, place - tokens) : place + tokens].tolist()
        middle = min(place, tokens)
        before = {token for token in around[:middle] if token >= _RARE}
        return before, {token for token in around[middle:] if token >= _RARE}

    def count_alone(self, start: int, end: int) -> int:
        """``count_tokens(text[start:end])``; mostly only its edges are encoded again.

        Between two seams inside the slice the tokens are those of the whole text.
        """
        first = _seam_after(self.text, start, end) if self.even else -1
        last = _seam_before(self.text, first, end, _NEAR) if first >= 0 else -1
        if last < 0:
            return count_tokens(self.text[start:end])
        head, tail = self.text[start:first], self.text[last:end]
        return count_tokens(head) + self.count(first, last) + count_tokens(tail)

    def reach(self, start: int, tokens: int) -> int:
        """The largest end such that ``text[start:end]`` holds at most ``tokens`` tokens.

        One character that needs more by itself is still given whole.
        """
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = min(first + tokens, len(self.ends)) - 1
        if last < first:
            return start
        end = int(self.ends[last])
        if last + 1 < len(self.ends) and self.ends[last + 1] == end:
            # The last character needs more tokens than are left: stop before it.
            before = int(np.searchsorted(self.ends, end, side="left")) - 1
            end = int(self.ends[before]) if before >= first else end
        return end


def token_map(text: str) -> TokenMap:
    """Tokens of ``text`` at their places; no Python code per token, memory by the piece."""
    text = _clean(text)
    ends, ids = [_NONE], [_NONE]
    even = True
    at = 0
    while at < len(text):
        end = min(at + _PIECE, len(text))
        if end < len(text):
            seam = _seam_before(text, at, end, _SEARCHED)
            even = even and seam > 0
            end = seam if seam > 0 else end
        tokens, places = _encoded(text[at:end])
        ids.append(tokens)
        ends.append(places + at)
        at = end
    return TokenMap(text, np.concatenate(ends), np.concatenate(ids), even)


def _encoded(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The tokens of ``text``, and where each ends in code points."""
    table = _table()
    tokens = np.asarray(table.encoding.encode_ordinary(text), dtype=np.int64)
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    points = np.cumsum((data & 0xC0) != 0x80)  # code points begun up to each byte
    return tokens, points[np.cumsum(table.lengths[tokens]) - 1].astype(np.int64)
