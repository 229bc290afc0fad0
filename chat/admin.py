"""Conversations, as operators read them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from chat.models import Chat, Citation, Message
from tenants.console import DomainAdmin, ScopedInline, register


class MessageInline(ScopedInline):
    model = Message
    fields = ("role", "content", "status", "feedback_rating", "created_at")
    ordering = ("ordinal",)


class CitationInline(ScopedInline):
    model = Citation
    fields = ("marker", "title", "page", "quote", "verified")
    ordering = ("ordinal",)


@register(Chat)
class ChatAdmin(DomainAdmin):
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
    list_display = ("created_at", "role", "beginning", "status", "failure", "feedback_rating")
    list_filter = ("role", "status", "feedback_rating", "created_at")
    search_fields = ("content",)
    fields = (
        "chat",
        "role",
        "content",
        "status",
        "finish_reason",
        "failure",
        "usage",
        "feedback_rating",
        "feedback_comment",
        "created_at",
    )
    inlines = (CitationInline,)

    @admin.display(description="text")
    def beginning(self, row: Message) -> str:
        return row.content[:120] + ("…" if len(row.content) > 120 else "")

    @admin.display(description="error")
    def failure(self, row: Message) -> str:
        if not row.error:
            return "—"
        return format_html("<code>{}</code> {}", row.error["code"], row.error["message"])


@register(Citation)
class CitationAdmin(DomainAdmin):
    list_display = ("marker", "title", "page", "beginning", "verified", "created_at")
    list_filter = ("verified", "created_at")
    search_fields = ("title", "quote")

    @admin.display(description="quote")
    def beginning(self, row: Citation) -> str:
        return row.quote[:120] + ("…" if len(row.quote) > 120 else "")
