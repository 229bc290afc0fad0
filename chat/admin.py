"""Conversations, as operators read them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from chat.models import Chat, Citation, Message
from tenants.console import NOTHING, DomainAdmin, ScopedInline, pill, register, told_error


class MessageInline(ScopedInline):
    model = Message
    fields = ("opened", "content", "shown_status", "feedback_rating", "created_at")
    ordering = ("ordinal",)

    @admin.display(description="role")
    def opened(self, row: Message) -> str:
        return self.linked(row, row.get_role_display())

    @admin.display(description="status")
    def shown_status(self, row: Message) -> str:
        return pill(row.status)


class CitationInline(ScopedInline):
    model = Citation
    fields = ("opened", "title", "page", "quote", "verified")
    ordering = ("ordinal",)

    @admin.display(description="marker")
    def opened(self, row: Citation) -> str:
        return self.linked(row, f"[{row.marker}]")


@register(Chat)
class ChatAdmin(DomainAdmin):
    empty_words = "No chats yet. Open a bot's chat page and ask it something."
    list_display = ("shown_title", "bot", "channel", "external_user", "messages_sent", "updated_at")
    list_filter = ("channel", ("bot", admin.RelatedOnlyFieldListFilter), "updated_at")
    list_select_related = ("bot",)
    search_fields = ("title", "external_user")
    fields = ("title", "bot", "channel", "external_user", "created_at", "updated_at")
    inlines = (MessageInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chat]:
        rows = super().get_queryset(request)
        counted: QuerySet[Chat] = rows.annotate(messages_sent=Count("messages"))
        return counted

    @admin.display(description="title", ordering="title")
    def shown_title(self, row: Chat) -> str:
        return row.title or "(no title)"

    @admin.display(description="messages", ordering="messages_sent")
    def messages_sent(self, row: Any) -> int:
        return int(row.messages_sent)


@register(Message)
class MessageAdmin(DomainAdmin):
    belongs_to = "chat"
    empty_words = "No messages yet. They come with the first chat."
    list_display = (
        "created_at", "role", "beginning", "shown_status", "failure", "feedback_rating",
    )  # fmt: skip
    list_filter = ("role", "status", "feedback_rating", "created_at")
    search_fields = ("content",)
    fields = (
        "chat",
        "role",
        "content",
        "shown_status",
        "finish_reason",
        "failure",
        "spent",
        "feedback_rating",
        "feedback_comment",
        "created_at",
    )
    inlines = (CitationInline,)

    @admin.display(description="text")
    def beginning(self, row: Message) -> str:
        return row.content[:120] + ("…" if len(row.content) > 120 else "")

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Message) -> str:
        return pill(row.status)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        cited = obj is not None and obj.citations.exists()
        return super().get_inlines(request, obj) if cited else []

    @admin.display(description="usage")
    def spent(self, row: Message) -> str:
        if not row.usage:
            return NOTHING
        cost = row.usage.get("cost_usd")
        money = "price unknown" if cost is None else f"{cost} US dollars"
        about = ", estimated" if row.usage.get("estimated") else ""
        counts = (
            f"{row.usage.get('input_tokens', 0)} tokens in, {row.usage.get('output_tokens', 0)} out"
        )
        return f"{counts}, {money}{about}"

    @admin.display(description="problem")
    def failure(self, row: Message) -> str:
        return told_error(row.error)


@register(Citation)
class CitationAdmin(DomainAdmin):
    belongs_to = "message"
    empty_words = "No citations yet. Answers carry them."
    list_display = ("marker", "title", "page", "beginning", "verified", "created_at")
    list_filter = ("verified", "created_at")
    search_fields = ("title", "quote")

    @admin.display(description="quote")
    def beginning(self, row: Citation) -> str:
        return row.quote[:120] + ("…" if len(row.quote) > 120 else "")
