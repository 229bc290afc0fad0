"""``local/extractive``: answers by quoting, no key and no network; it cannot invent anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from minirag.protocols import Embedder
from minirag.providers.extractive.scoring import Quote, choose
from minirag.tokens import count_tokens, token_lengths
from minirag.types import ChatRequest, Delta, Finish, FinishReason, TokenUsage

MODEL = "local/extractive"


class ExtractiveChatModel:
    """Quotes up to three sentences of ``request.passages``, each with its ``[marker]``.

    Every ``Delta`` is one quote: a separator, the piece to the letter, a blank, the marker.
    """

    model = MODEL

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def count_tokens(self, text: str) -> int:
        return count_tokens(text)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Finish]:
        """See ``ChatModel.stream``. Exact counts: question and passages, quotes."""
        quotes = await asyncio.to_thread(choose, request, self._embedder)
        said = 0
        reason: FinishReason = "stop"
        previous: Quote | None = None
        for quote in quotes:
            text = _separator(previous, quote) + f"{quote.piece.text} [{quote.passage.marker}]"
            tokens = count_tokens(text)
            if request.max_output_tokens is not None and said + tokens > request.max_output_tokens:
                reason = "length"
                break
            said += tokens
            previous = quote
            yield Delta(text)
        read = await asyncio.to_thread(_tokens_read, request)
        yield Finish(reason, TokenUsage(read, said))


def _tokens_read(request: ChatRequest) -> int:
    return sum(token_lengths([request.question, *(passage.text for passage in request.passages)]))


def _separator(previous: Quote | None, quote: Quote) -> str:
    if previous is None:
        return ""
    if previous.passage.marker != quote.passage.marker:
        return "\n\n"
    return "\n" if previous.piece.own_line or quote.piece.own_line else " "
