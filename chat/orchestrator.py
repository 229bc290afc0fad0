"""One question to one answer, in four stages: rewrite, retrieve, context, generate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings

from bots.models import BotProfile
from chat.calls import CallOwner, metered_stream
from chat.citations import CitationDraft, build_citations
from chat.context import DEFAULT_OUTPUT_TOKENS, Context, PromptSettings, build_context
from chat.control import Control, EndedError, Ending
from chat.database import in_search
from chat.events import Event, EventName
from chat.evidence import DEFAULT_THRESHOLD
from chat.markers import MarkerFilter
from chat.models import MessageStatus
from chat.payloads import hit_data
from chat.retrieval import Retrieved, retrieve
from chat.rewrite import RewrittenQuery, rewrite
from chat.smalltalk import is_small_talk, reply
from minirag import wiring
from minirag.errors import MiniRAGError, ProviderUnavailable, Unavailable
from minirag.protocols import ChatModel
from minirag.types import ChatTurn, Finish, TokenUsage
from tenants.models import Tenant
from usage.models import UsageKind

EXTRACTIVE = "local/extractive"
# After so many deltas pieces are sent in this size: a drip costs no more than a long text.
_FINE_DELTAS = 2_000
_COARSE_PIECE = 64
# One event is never longer, however much a provider sends at once (characters).
_LONGEST_PIECE = 8_192

Emit = Callable[[Event], object]


@dataclass(frozen=True, slots=True)
class Turn:
    """All that answering takes, read when the turn began."""

    tenant: Tenant
    bot: BotProfile
    source_ids: tuple[UUID, ...]
    chat_id: UUID
    message_id: UUID
    question: str
    history: tuple[ChatTurn, ...]

    @property
    def owner(self) -> CallOwner:
        return CallOwner(self.tenant.pk, self.bot.pk, self.message_id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended. ``error`` is set for ``failed`` and ``interrupted`` only."""

    text: str
    status: MessageStatus
    finish_reason: str = ""
    citations: tuple[CitationDraft, ...] = ()
    error: MiniRAGError | None = None


class AnswerWriter:
    """Sends the text of an answer on, markers checked; what was sent is what is kept."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._filter = MarkerFilter(frozenset())
        self._quotes = False
        self._waiting = ""
        self._sent = 0
        self.text = ""

    def expect_markers(self, markers: frozenset[int], *, quotes: bool) -> None:
        """From now on these markers pass; ``quotes``: each piece is one quote and its marker."""
        self._filter = MarkerFilter(markers)
        self._quotes = quotes

    @property
    def markers(self) -> MarkerFilter:
        return self._filter

    def add(self, text: str) -> None:
        """Raises ``ProviderUnavailable`` beyond the longest answer."""
        self._waiting += self._filter.feed_quote(text) if self._quotes else self._filter.feed(text)
        room = settings.MINIRAG_ANSWER_CHARS - len(self.text)
        if len(self._waiting) > room:
            self._waiting = self._waiting[:room]
            raise ProviderUnavailable("The answer of the model provider does not end.")
        if self._sent < _FINE_DELTAS or len(self._waiting) >= _COARSE_PIECE:
            self._send()

    def finish(self) -> None:
        """Send what was held back: nothing more comes."""
        room = settings.MINIRAG_ANSWER_CHARS - len(self.text)
        self._waiting = (self._waiting + self._filter.flush())[:room]
        self._send()

    def _send(self) -> None:
        for start in range(0, len(self._waiting), _LONGEST_PIECE):
            piece = self._waiting[start : start + _LONGEST_PIECE]
            self.text += piece
            self._sent += 1
            self._emit(Event(EventName.DELTA, {"text": piece}))
        self._waiting = ""


async def answer(turn: Turn, emit: Emit, control: Control) -> Outcome:
    """Run the stages, emitting ``retrieval`` and ``delta`` events. Failures end in the outcome."""
    writer = AnswerWriter(emit)
    try:
        return await _answer(turn, emit, writer, control)
    except EndedError as ended:
        return _ended(writer, ended.ending)
    except MiniRAGError as error:
        return _failed(writer, error)


def _failed(writer: AnswerWriter, error: MiniRAGError) -> Outcome:
    writer.finish()
    status = MessageStatus.INTERRUPTED if writer.text else MessageStatus.FAILED
    return Outcome(writer.text, status, error=error)


def _ended(writer: AnswerWriter, ending: Ending) -> Outcome:
    writer.finish()
    if ending is Ending.STOPPED:
        return Outcome(writer.text, MessageStatus.STOPPED, "stopped")
    error = Unavailable("The server was shut down before the answer was complete.")
    return Outcome(writer.text, MessageStatus.INTERRUPTED, error=error)


async def _answer(turn: Turn, emit: Emit, writer: AnswerWriter, control: Control) -> Outcome:
    asked = RewrittenQuery(turn.question, False)
    if is_small_talk(turn.question):
        _emit_retrieval(emit, asked, None)
        words = reply(turn.bot.welcome_message, turn.question)
        return _say(writer, words, MessageStatus.COMPLETED, "stop")
    if not turn.source_ids:
        _emit_retrieval(emit, asked, None)
        return _say(writer, turn.bot.refusal_message, MessageStatus.REFUSED, "refused")
    model = wiring.chat_model(turn.bot.model, turn.bot.credentials)
    async with control.guard(settings.MINIRAG_ANSWER_SECONDS):
        query = await rewrite(
            turn.question, turn.history, turn.bot.query_rewrite, model, turn.owner
        )
        retrieved = await _retrieve(turn, query)
    _emit_retrieval(emit, query, retrieved)
    if _must_refuse(turn, retrieved):
        return _say(writer, turn.bot.refusal_message, MessageStatus.REFUSED, "refused")
    bot = PromptSettings(turn.bot.system_prompt, turn.bot.temperature, turn.bot.max_output_tokens)
    context = build_context(
        turn.question, retrieved.passages, turn.history, bot, model, query=query.query
    )
    return await _generate(turn, context, model, writer, control)


async def _retrieve(turn: Turn, query: RewrittenQuery) -> Retrieved:
    return await in_search(
        retrieve,
        turn.tenant,
        turn.source_ids,
        query.query,
        turn.bot.top_k,
        bot_profile_id=turn.bot.pk,
        message_id=turn.message_id,
    )


def _must_refuse(turn: Turn, retrieved: Retrieved) -> bool:
    """Whether the evidence is below the bot's threshold. Nothing can be quoted from nothing."""
    threshold = turn.bot.score_threshold
    threshold = DEFAULT_THRESHOLD if threshold is None else threshold
    if not retrieved.passages and turn.bot.model == EXTRACTIVE:
        return True
    return retrieved.evidence < threshold


def _emit_retrieval(emit: Emit, query: RewrittenQuery, retrieved: Retrieved | None) -> None:
    hits = [hit_data(passage) for passage in retrieved.passages] if retrieved else []
    data = {"query": query.query, "rewritten": query.rewritten, "hits": hits}
    emit(Event(EventName.RETRIEVAL, data))


def _say(writer: AnswerWriter, text: str, status: MessageStatus, finish_reason: str) -> Outcome:
    """The bot's own words, without a model."""
    writer.add(text)
    writer.finish()
    return Outcome(writer.text, status, finish_reason)


async def _generate(
    turn: Turn, context: Context, model: ChatModel, writer: AnswerWriter, control: Control
) -> Outcome:
    control.check()
    markers = frozenset(passage.marker for passage in context.passages)
    writer.expect_markers(markers, quotes=turn.bot.model == EXTRACTIVE)
    estimate = TokenUsage(
        context.input_tokens, turn.bot.max_output_tokens or DEFAULT_OUTPUT_TOKENS, estimated=True
    )
    try:
        finish = await _stream(turn, context, model, writer, control, estimate)
    except EndedError as ended:
        outcome = _ended(writer, ended.ending)
    except MiniRAGError as error:
        outcome = _failed(writer, error)
    else:
        writer.finish()
        outcome = Outcome(writer.text, MessageStatus.COMPLETED, finish.reason)
    citations = build_citations(
        writer.text,
        writer.markers.placed,
        context.passages,
        extractive=turn.bot.model == EXTRACTIVE,
    )
    return replace(outcome, citations=citations)


async def _stream(
    turn: Turn,
    context: Context,
    model: ChatModel,
    writer: AnswerWriter,
    control: Control,
    estimate: TokenUsage,
) -> Finish:
    """Stream the model's answer to its own finish. Raises ``ProviderUnavailable`` without one."""
    clock = asyncio.get_running_loop().time
    last = clock() + settings.MINIRAG_ANSWER_SECONDS
    gap = settings.MINIRAG_TOKEN_GAP_SECONDS
    async with (
        metered_stream(
            model, context.request, UsageKind.GENERATION, turn.owner, estimate
        ) as stream,
        control.guard(gap),
    ):
        async for item in stream:
            if isinstance(item, Finish):
                return item
            control.check()
            control.extend(min(gap, max(0.0, last - clock())))
            writer.add(item.text)
    raise ProviderUnavailable("The model provider ended its answer without a finish.")
