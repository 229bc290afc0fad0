"""Chats, messages, what stands behind a citation, and what people think of an answer."""

from __future__ import annotations

import re

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import OwnChatsView, WidgetView
from chat.event_logs import stop_answers
from chat.selectors import (
    access_asked,
    access_chat,
    access_message,
    cited_passage,
    list_chats,
    list_messages,
)
from chat.serializers import (
    ChatOutput,
    ChatsQuery,
    CitedPassageOutput,
    FeedbackInput,
    MessageOutput,
)
from chat.services import delete_chat, give_feedback
from minirag.api.serializers import PageParams, page_of
from minirag.errors import ErrorCode, NotFound
from tenants.models import TokenScope

# One spelling each, as in the answer: [1], never [01].
_MARKER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class ChatListView(OwnChatsView):
    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="chats_list",
        summary="Chats, newest first",
        parameters=[ChatsQuery],
        responses=page_of(ChatOutput),
    )
    def get(self, request: Request) -> Response:
        """Chats, newest first."""
        wanted = self.params(ChatsQuery)
        rows = list_chats(self.auth)
        if "bot_profile_id" in wanted:
            rows = rows.filter(bot_id=wanted["bot_profile_id"])
        if "external_user" in wanted:
            rows = rows.filter(external_user=wanted["external_user"])
        return self.page(rows, ChatOutput)


class ChatDetailView(OwnChatsView):
    scopes = {"GET": TokenScope.READ, "DELETE": TokenScope.WRITE}
    path_objects = {"chat_id": access_chat}
    actions = {"DELETE": "chat.delete"}
    failures = {"DELETE": (ErrorCode.CONFLICT,)}

    @extend_schema(operation_id="chats_retrieve", summary="One chat", responses=ChatOutput)
    def get(self, request: Request, chat_id: str) -> Response:
        """One chat."""
        return Response(ChatOutput(self.object("chat_id")).data)

    @extend_schema(
        operation_id="chats_delete",
        summary="Delete a chat with its messages",
        responses={204: None},
    )
    def delete(self, request: Request, chat_id: str) -> Response:
        """Delete a chat with its messages; an answer under way is stopped."""
        stop_answers(delete_chat(self.auth, self.object("chat_id")))
        return Response(status=204)


class ChatMessagesView(OwnChatsView):
    scopes = {"GET": TokenScope.READ}
    path_objects = {"chat_id": access_chat}

    @extend_schema(
        operation_id="chats_messages_list",
        summary="A chat's messages, oldest first",
        parameters=[PageParams],
        responses=page_of(MessageOutput),
    )
    def get(self, request: Request, chat_id: str) -> Response:
        """A chat's messages, oldest first."""
        return self.page(list_messages(self.auth, self.object("chat_id")), MessageOutput)


class MessageView(OwnChatsView):
    scopes = {"GET": TokenScope.READ}
    path_objects = {"message_id": access_message}

    @extend_schema(operation_id="messages_retrieve", summary="One message", responses=MessageOutput)
    def get(self, request: Request, message_id: str) -> Response:
        """One message."""
        return Response(MessageOutput(self.object("message_id")).data)


class CitationView(WidgetView):
    scopes = {"GET": TokenScope.CHAT}
    path_objects = {"message_id": access_asked}
    path_values = frozenset({"marker"})

    def may_use(self, method: str) -> bool:
        """Who may chat sees what stands behind its answers; who may read, behind all."""
        reads = hasattr(self, "auth") and self.auth.may(TokenScope.READ)
        return super().may_use(method) or (reads and method in self.scopes)

    @extend_schema(
        operation_id="messages_citations_retrieve",
        summary="The passage behind a marker",
        responses=CitedPassageOutput,
    )
    def get(self, request: Request, message_id: str, marker: str) -> Response:
        """The quote with what stands around it. A token without `read` has the citations of the
        answers that it asked for itself.
        """
        if not _MARKER.fullmatch(marker):
            raise NotFound
        found = cited_passage(self.object("message_id"), int(marker))
        return Response(
            {
                "title": found.citation.title,
                "heading_path": found.citation.heading_path,
                "page": found.citation.page,
                "url": found.citation.url or None,
                "before": found.before,
                "quote": found.citation.quote,
                "after": found.after,
            }
        )


class FeedbackView(WidgetView):
    scopes = {"POST": TokenScope.CHAT}
    path_objects = {"message_id": access_asked}
    actions = {"POST": "message.feedback"}

    @extend_schema(
        operation_id="messages_feedback",
        summary="Rate an answer",
        request=FeedbackInput,
        responses=MessageOutput,
    )
    def post(self, request: Request, message_id: str) -> Response:
        """A later rating replaces an earlier one. A token without `read` rates the answers that it
        asked for itself.
        """
        data = self.body(FeedbackInput)
        return Response(
            MessageOutput(give_feedback(self.auth, self.object("message_id"), data)).data
        )
