"""Shipped fakes: deterministic vectors and a scripted chat model. Development and tests only."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import numpy as np

from minirag.errors import MiniRAGError
from minirag.types import ChatRequest, Delta, Embeddings, Finish, FinishReason, TokenUsage, Vector

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words, what the fakes count as tokens."""
    return _WORD.findall(text.lower())


def hashed_vector(text: str, dimensions: int) -> Vector:
    """Bag of words, each hashed to one signed coordinate; L2-normalised, never zero."""
    vector = np.zeros(dimensions, dtype=np.float32)
    for word in words(text) or [""]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "little") % dimensions] += 1 if digest[4] & 1 else -1
    norm = float(np.linalg.norm(vector))
    if not norm:  # two words cancelled each other
        vector[0] = norm = 1.0
    return vector / norm


@dataclass(frozen=True, slots=True)
class EmbedCall:
    """One call, as the fake remembers it."""

    texts: tuple[str, ...]
    purpose: str


class FakeEmbedder:
    """Texts that share words have similar vectors; the same text has always the same one.

    ``fail_next`` makes the next call raise; ``calls`` holds every call.
    """

    batch_limit = 128

    def __init__(self, dimensions: int = 64, model: str = "fake/embedder") -> None:
        self.model = model
        self.calls: list[EmbedCall] = []
        self._dimensions = dimensions
        self._failures: deque[MiniRAGError] = deque()
        self._lock = Lock()

    def dimensions(self) -> int:
        return self._dimensions

    def fail_next(self, error: MiniRAGError) -> None:
        self._failures.append(error)

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        with self._lock:
            self.calls.append(EmbedCall(tuple(texts), purpose))
            if self._failures:
                raise self._failures.popleft()
        vectors = np.stack([hashed_vector(text, self._dimensions) for text in texts])
        return Embeddings(vectors, TokenUsage(sum(self.count_tokens(text) for text in texts)))

    def count_tokens(self, text: str) -> int:
        return len(words(text))


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """One answer to give: its pieces, then either ``error`` or an end with ``reason``."""

    pieces: tuple[str, ...]
    reason: FinishReason = "stop"
    usage: TokenUsage | None = None
    error: MiniRAGError | None = None


class FakeChatModel:
    """Gives the enqueued replies in order, then a default one; ``history`` holds every request."""

    def __init__(self, model: str = "fake/chat") -> None:
        self.model = model
        self.history: list[ChatRequest] = []
        self.closed = 0
        self._replies: deque[ScriptedReply] = deque()

    def enqueue(
        self,
        *pieces: str,
        reason: FinishReason = "stop",
        usage: TokenUsage | None = None,
        error: MiniRAGError | None = None,
    ) -> None:
        """Script the next reply. With ``error`` it is raised after the pieces."""
        self._replies.append(ScriptedReply(pieces, reason, usage, error))

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
        self.history.append(request)
        reply = self._replies.popleft() if self._replies else self._default(request)
        try:
            for piece in reply.pieces:
                yield Delta(piece)
            if reply.error is not None:
                raise reply.error
            yield Finish(reply.reason, reply.usage or self._usage(request, reply))
        finally:
            self.closed += 1

    def count_tokens(self, text: str) -> int:
        return len(words(text))

    def _usage(self, request: ChatRequest, reply: ScriptedReply) -> TokenUsage:
        prompt = sum(self.count_tokens(turn.content) for turn in request.messages)
        return TokenUsage(prompt, self.count_tokens("".join(reply.pieces)))

    def _default(self, request: ChatRequest) -> ScriptedReply:
        if request.passages:
            first = request.passages[0]
            return ScriptedReply(("According to the sources: ", first.text, f" [{first.marker}]"))
        last = request.messages[-1].content if request.messages else ""
        return ScriptedReply(("You said: ", last))
