"""``local/extractive``: answers by quoting, no key and no network; it cannot invent anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from minirag.protocols import Embedder
from minirag.providers.extractive.layout import lay_out
from minirag.providers.extractive.scoring import choose
from minirag.tokens import count_tokens, token_lengths
from minirag.types import ChatRequest, Delta, Finish, FinishReason, TokenUsage

MODEL = "local/extractive"


class ExtractiveChatModel:
    """Quotes up to three pieces of ``request.passages``, each with its ``[marker]``.

    Every ``Delta`` is one quote: a separator, the piece to the letter, a blank, the marker.
    """

    model = MODEL

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def count_tokens(self, text: str) -> int:
        return count_tokens(text)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
        """See ``ChatModel.stream``. Exact counts: question and passages, quotes."""
        texts = await asyncio.to_thread(self._texts, request)
        said = 0
        reason: FinishReason = "stop"
        for text in texts:
            tokens = count_tokens(text)
            if request.max_output_tokens is not None and said + tokens > request.max_output_tokens:
                reason = "length"
                break
            said += tokens
            yield Delta(text)
        read = await asyncio.to_thread(_tokens_read, request)
        yield Finish(reason, TokenUsage(read, said))

    def _texts(self, request: ChatRequest) -> Sequence[str]:
        return lay_out(choose(request, self._embedder))


def _tokens_read(request: ChatRequest) -> int:
    return sum(token_lengths([request.question, *(passage.text for passage in request.passages)]))
