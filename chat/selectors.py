"""Reads of chats. The tenant's scope must be open. A widget visitor has only their own chats."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet

from chat.models import Chat, Citation, Message, MessageStatus
from minirag.counts import count_of
from minirag.errors import NotFound
from sources.models import Document
from tenants.context import AuthContext
from tenants.models import TokenScope


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """A quote with what stands around it; both margins empty where the text is gone or changed."""

    citation: Citation
    before: str
    after: str


def _reach(auth: AuthContext, prefix: str = "") -> Q:
    """Which chats the credential may see; ``prefix`` leads to the chat."""
    mine = Q(tenant_id=auth.tenant_id)
    if auth.widget is not None:
        mine &= Q(
            **{
                f"{prefix}visitor_id": auth.widget.visitor_id,
                f"{prefix}bot_id": auth.widget.bot_profile_id,
            }
        )
    return mine


def list_chats(auth: AuthContext) -> QuerySet[Chat]:
    """Chats newest first, each with ``message_count``."""
    rows: QuerySet[Chat] = Chat.objects.filter(_reach(auth))
    counted = rows.annotate(message_count=count_of(Message.objects.all(), "chat"))
    return counted.order_by("-created_at", "-id")


def access_chat(auth: AuthContext, chat_id: UUID) -> Chat:
    """Raises ``NotFound`` alike for foreign, deleted and missing ones."""
    chat = list_chats(auth).filter(pk=chat_id).first()
    if chat is None:
        raise NotFound
    return chat


def list_messages(auth: AuthContext, chat: Chat) -> QuerySet[Message]:
    """A chat's messages, oldest first, with their citations."""
    return _messages(auth).filter(chat=chat).order_by("ordinal")


def access_message(auth: AuthContext, message_id: UUID) -> Message:
    """Raises ``NotFound`` alike for foreign, deleted and missing ones."""
    message = _messages(auth).filter(pk=message_id).first()
    if message is None:
        raise NotFound
    return message


def access_asked(auth: AuthContext, message_id: UUID) -> Message:
    """As ``access_message``; who may not read has only the messages that it asked for itself."""
    message = access_message(auth, message_id)
    own = auth.widget is not None or str(message.asked_by) == auth.actor_id
    if not own and not auth.may(TokenScope.READ):
        raise NotFound
    return message


def get_message(message_id: UUID) -> Message | None:
    """A message of the open tenant with its citations, whoever asks. For streams under way."""
    cited = Prefetch("citations", queryset=Citation.objects.order_by("ordinal"))
    rows = Message.objects.select_related("chat").prefetch_related(cited)
    found: Message | None = rows.filter(pk=message_id).first()
    return found


def recent_messages(chat: Chat) -> list[Message]:
    """The latest finished messages of a chat, oldest first; refused and failed answers included."""
    rows = Message.objects.filter(chat=chat).exclude(status=MessageStatus.STREAMING)
    return list(rows.order_by("-ordinal")[: settings.MINIRAG_HISTORY_MESSAGES])[::-1]


def cited_passage(message: Message, marker: int) -> CitedPassage:
    """What stands behind a marker, with its surroundings. Raises ``NotFound``."""
    citation = next((one for one in message.citations.all() if one.marker == marker), None)
    if citation is None:
        raise NotFound
    text = (
        Document.objects.filter(
            pk=citation.document_id, deleted_at__isnull=True, source__deleted_at__isnull=True
        )
        .values_list("text", flat=True)
        .first()
    ) or ""
    if text[citation.start : citation.end] != citation.quote:
        return CitedPassage(citation, "", "")
    margin = settings.MINIRAG_CITATION_MARGIN
    return CitedPassage(
        citation,
        text[max(0, citation.start - margin) : citation.start],
        text[citation.end : citation.end + margin],
    )


def _messages(auth: AuthContext) -> QuerySet[Message]:
    cited = Prefetch("citations", queryset=Citation.objects.order_by("ordinal"))
    rows: QuerySet[Message] = Message.objects.filter(_reach(auth, "chat__"))
    return rows.prefetch_related(cited)
