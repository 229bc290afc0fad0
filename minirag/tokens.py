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
_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_lock = Lock()


def _table_path() -> Path:
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
    data = _table_path().read_bytes()
    if hashlib.sha256(data).hexdigest() != _TABLE_SHA256:
        raise RuntimeError("The cl100k token table is not the published one (SHA-256 differs).")
    pairs = (line.split() for line in data.splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    lengths = np.zeros(max(ranks.values()) + 1, dtype=np.int64)
    for token, rank in ranks.items():
        lengths[rank] = len(token)
    encoding = tiktoken.Encoding(
        "cl100k_ordinary", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    return _Table(encoding, lengths)


def _table() -> _Table:
    with _lock:  # lru_cache alone would let two threads load the table twice
        return _load()


def _clean(text: str) -> str:
    # A lone surrogate has no bytes in UTF-8; "?" keeps the number of code points.
    return text.encode("utf-8", "replace").decode("utf-8")


def count_tokens(text: str) -> int:
    """Number of cl100k tokens of ``text``."""
    return len(_table().encoding.encode_ordinary(text))


def token_lengths(texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text, in order."""
    encode = _table().encoding.encode_ordinary
    return [len(encode(text)) for text in texts]


@dataclass(frozen=True, slots=True)
class TokenMap:
    """Where the tokens of one text end, in code points: ``ends[i]`` is the end of token ``i``.

    Counts of slices are those of the whole text's tokens; a slice counted by itself can differ by a
    token at either edge, so a hard limit is checked again with ``count_tokens``.
    """

    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def count(self, start: int, end: int) -> int:
        """Tokens that end in ``text[start:end]``."""
        low, high = np.searchsorted(self.ends, (start, end), side="right")
        return int(high - low)

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
    """Tokens of ``text`` at their places; one pass, no Python code per token."""
    table = _table()
    text = _clean(text)
    tokens = np.asarray(table.encoding.encode_ordinary(text), dtype=np.int64)
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    points = np.cumsum((data & 0xC0) != 0x80)  # code points begun up to each byte
    ends = points[np.cumsum(table.lengths[tokens]) - 1] if len(tokens) else np.zeros(0, np.int64)
    return TokenMap(ends.astype(np.int64))
