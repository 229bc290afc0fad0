"""Changes of chats: a turn's rows at its begin and end, stop, feedback, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from bots.models import BotProfile
from bots.selectors import bot_with_tenant, live_source_ids
from chat.models import Channel, Chat, Citation, Message, MessageRole, MessageStatus, Rating
from chat.orchestrator import Outcome, Turn
from chat.payloads import usage_data
from chat.selectors import access_chat, get_message, recent_messages
from chat.widget import count_widget_message, require_open_widget
from minirag.errors import Conflict, Invalid, NotFound
from minirag.types import ChatTurn
from tenants import audit, idempotency
from tenants.context import AuthContext
from tenants.locking import delete_whole, lock_row
from usage.selectors import message_calls

_TITLE = 80
# Markers of an earlier answer point to passages that are not in this prompt.
_MARKER = re.compile(r" ?\[[0-9]{1,6}\]")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question, validated in form."""

    bot_profile_id: UUID
    message: str
    chat_id: UUID | None = None
    external_user: str | None = None
    channel: Channel = Channel.API


def begin_turn(auth: AuthContext, ask: Ask) -> Turn:
    """Commit the question's and the answer's rows, before anything is asked of anybody.

    Raises ``NotFound`` for a bot or chat that is not the credential's, ``Conflict`` while the chat
    still answers or where the bot is switched off, ``QuotaExceeded`` for a widget's day.
    """
    bot = _bot_for(auth, ask)
    try:
        with transaction.atomic():
            if auth.widget is not None:
                # Before its counts, as its deletion; visitors wait for each other there anyway.
                lock_row(BotProfile.objects.filter(pk=bot.pk))
                count_widget_message(bot, auth.widget.visitor_id, auth.ip)
            chat = _chat_for(auth, bot, ask)
            history = recent_messages(chat) if ask.chat_id else []
            last = _last_ordinal(chat) if ask.chat_id else 0
            answer = _write_rows(auth, chat, ask.message, last)
            audit.record(auth, "chat.ask", answer, detail={"chat_id": str(chat.pk)})
    except IntegrityError as error:
        bot_with_tenant(auth, ask.bot_profile_id)  # not found where it was deleted meanwhile
        raise Conflict("The chat is still answering the last question.") from error
    return Turn(
        tenant=bot.tenant,
        bot=bot,
        source_ids=tuple(live_source_ids(bot)),
        chat_id=chat.pk,
        message_id=answer.pk,
        question=ask.message,
        history=_as_history(history),
    )


def _bot_for(auth: AuthContext, ask: Ask) -> BotProfile:
    if auth.widget is not None and auth.widget.bot_profile_id != ask.bot_profile_id:
        raise NotFound
    bot = bot_with_tenant(auth, ask.bot_profile_id)
    if auth.widget is not None:
        require_open_widget(bot, auth.widget.origin)
    if not bot.is_active:
        raise Conflict("This bot is switched off.")
    return bot


def _chat_for(auth: AuthContext, bot: BotProfile, ask: Ask) -> Chat:
    if ask.chat_id is not None:
        chat = access_chat(auth, ask.chat_id)
        if chat.bot_id != bot.pk:
            raise NotFound
        # It holds the chat until the commit: of questions at once, one is the first.
        if not Chat.objects.filter(pk=chat.pk).update(updated_at=timezone.now()):
            raise NotFound
        return chat
    new: Chat = Chat.objects.create(
        bot=bot,
        title=" ".join(ask.message.split())[:_TITLE],
        channel=Channel.WIDGET if auth.widget is not None else ask.channel,
        external_user=ask.external_user,
        visitor_id=auth.widget.visitor_id if auth.widget is not None else None,
    )
    return new


def _last_ordinal(chat: Chat) -> int:
    return Message.objects.filter(chat=chat).aggregate(last=Max("ordinal"))["last"] or 0


def _write_rows(auth: AuthContext, chat: Chat, question: str, last: int) -> Message:
    """The two rows; constraints refuse a second answer while one streams."""
    asked = Message(
        tenant_id=auth.tenant_id,
        chat=chat,
        ordinal=last + 1,
        role=MessageRole.USER,
        content=question,
        asked_by=auth.actor_id or None,
    )
    answer = Message(
        tenant_id=auth.tenant_id,
        chat=chat,
        ordinal=last + 2,
        role=MessageRole.ASSISTANT,
        asked_by=auth.actor_id or None,
        status=MessageStatus.STREAMING,
        lease_until=_lease(),
    )
    Message.objects.bulk_create([asked, answer])
    return answer


def _lease() -> Any:
    """The database's clock: processes need not agree on the time."""
    return Now() + timedelta(seconds=settings.MINIRAG_CHAT_LEASE_SECONDS)


def _as_history(messages: Sequence[Message]) -> tuple[ChatTurn, ...]:
    """What was said, without answers that failed and without old markers."""
    return tuple(
        ChatTurn("assistant", _MARKER.sub("", message.content))
        if message.role == MessageRole.ASSISTANT
        else ChatTurn("user", message.content)
        for message in messages
        if message.content
    )


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat found: is the row still this turn's, and was a stop asked."""

    alive: bool
    stop_requested: bool


def renew_lease(message_id: UUID, text: str) -> Beat:
    """Keep a streaming answer from being taken for abandoned, and its text so far from loss."""
    row = Message.objects.filter(pk=message_id, status=MessageStatus.STREAMING)
    alive = bool(row.update(lease_until=_lease(), content=text))
    return Beat(alive, alive and row.filter(stop_requested=True).exists())


def finish_turn(turn: Turn, outcome: Outcome) -> Message:
    """Write the answer's end, once. Returns the row as it stands with its citations, also
    where another process ended it before (its lease had run out). Raises ``NotFound`` where the
    row is gone.
    """
    usage = usage_data(message_calls(turn.message_id))
    with transaction.atomic():
        # Before its messages, as whoever asks or deletes: else two would wait for each other.
        lock_row(Chat.objects.filter(pk=turn.chat_id))
        mine = Message.objects.filter(pk=turn.message_id, status=MessageStatus.STREAMING)
        won = mine.update(
            content=outcome.text,
            status=outcome.status,
            finish_reason=outcome.finish_reason,
            usage=usage,
            error=outcome.error.as_field() if outcome.error else None,
            lease_until=None,
        )
        if won:
            _write_citations(turn, outcome)
            Chat.objects.filter(pk=turn.chat_id).update(updated_at=timezone.now())
    message = get_message(turn.message_id)
    if message is None:
        raise NotFound
    return message


def _write_citations(turn: Turn, outcome: Outcome) -> None:
    Citation.objects.bulk_create(
        Citation(
            tenant_id=turn.tenant.pk,
            message_id=turn.message_id,
            ordinal=place,
            marker=draft.marker,
            chunk_id=draft.chunk_id,
            document_id=draft.document_id,
            source_id=draft.source_id,
            title=draft.title[:500],
            url=draft.url or "",
            page=draft.page,
            heading_path=list(draft.heading_path),
            start=draft.start,
            end=draft.end,
            quote=draft.quote,
            verified=draft.verified,
        )
        for place, draft in enumerate(outcome.citations)
    )


def request_stop(auth: AuthContext, message: Message) -> Message:
    """Mark an answer to be stopped; one that has ended stays as it is.

    The edge then tells the writing process through the event log, which is quicker than its
    heartbeat.
    """
    if message.role != MessageRole.ASSISTANT:
        raise Conflict("Only an answer can be stopped.")
    with transaction.atomic():
        row = Message.objects.filter(pk=message.pk, status=MessageStatus.STREAMING)
        if row.update(stop_requested=True):
            audit.record(auth, "message.stop", message)
    return message


def give_feedback(auth: AuthContext, message: Message, data: Mapping[str, Any]) -> Message:
    """Keep a rating (``up`` or ``down``) of an answer; a later one replaces it.

    Raises ``NotFound`` for an answer that was deleted meanwhile.
    """
    if message.role != MessageRole.ASSISTANT:
        raise Invalid.field("rating", "Only an answer can be rated.")
    message.feedback_rating = Rating(data["rating"])
    message.feedback_comment = data.get("comment") or ""
    with transaction.atomic():
        rated = Message.objects.filter(pk=message.pk).update(
            feedback_rating=message.feedback_rating, feedback_comment=message.feedback_comment
        )
        if not rated:
            raise NotFound
        audit.record(auth, "message.feedback", message, detail={"rating": data["rating"]})
    return message


def running_answers(bot: BotProfile) -> list[UUID]:
    """A bot's answers still streaming. Who deletes the bot asks the event log to stop them."""
    streaming = Message.objects.filter(chat__bot=bot, status=MessageStatus.STREAMING)
    return list(streaming.values_list("pk", flat=True))


def delete_chat(auth: AuthContext, chat: Chat) -> list[UUID]:
    """Delete a chat with its messages. Returns the answers still streaming, to be stopped.

    Raises ``NotFound`` where it was deleted meanwhile.
    """
    streaming = Message.objects.filter(chat=chat, status=MessageStatus.STREAMING)
    running = list(streaming.values_list("pk", flat=True))

    def deletion() -> None:
        # Before its messages, as whoever asks: else two would wait for each other.
        lock_row(Chat.objects.filter(pk=chat.pk), no_key=False)
        audit.record(auth, "chat.delete", chat)
        messages = Message.objects.filter(chat=chat)
        idempotency.forget_messages(list(messages.values_list("pk", flat=True)))
        Chat.objects.filter(pk=chat.pk).delete()

    delete_whole(deletion)
    return running
