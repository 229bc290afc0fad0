"""Conversations, as operators read them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.models import Chat, Citation, Message
from minirag.counts import count_of
from sources.models import Chunk, Document
from tenants.console import NOTHING, DomainAdmin, ScopedInline, link_to, pill, register, told_error


def with_places(rows: QuerySet[Citation]) -> QuerySet[Citation]:
    """With whether the cited passage and document are still there to be read."""
    live = {"deleted_at__isnull": True, "source__deleted_at__isnull": True}
    document = Document.objects.filter(pk=OuterRef("document_id"), **live)
    below = {f"document__{name}": value for name, value in live.items()}
    passage = Chunk.objects.filter(pk=OuterRef("chunk_id"), **below)
    found: QuerySet[Citation] = rows.annotate(
        document_stands=Exists(document), passage_stands=Exists(passage)
    )
    return found


def place_of(site: admin.AdminSite, row: Any) -> SafeString | str:
    """The cited document and its passage, as links while they are there."""
    title = row.title or "document"
    if not row.document_stands:
        return f"{title}, gone"
    shown = link_to(site, Document(pk=row.document_id), title)
    if not row.passage_stands:
        return shown
    return format_html("{}, {}", shown, link_to(site, Chunk(pk=row.chunk_id), "its passage"))


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
    fields = ("opened", "place", "page", "quote", "verified")
    ordering = ("ordinal",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Citation]:
        return with_places(super().get_queryset(request))

    @admin.display(description="from")
    def place(self, row: Citation) -> SafeString | str:
        return place_of(self.admin_site, row)

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
        rows: QuerySet[Chat] = super().get_queryset(request)
        return rows.annotate(messages_sent=count_of(Message.objects.all(), "chat"))

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
    list_display = ("opened", "place", "page", "beginning", "verified", "created_at")
    list_filter = ("verified", "created_at")
    search_fields = ("title", "quote")
    fields = ("message", "opened", "place", "headings", "page", "quote", "verified", "url")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Citation]:
        return with_places(super().get_queryset(request))

    @admin.display(description="marker", ordering="marker")
    def opened(self, row: Citation) -> str:
        return f"[{row.marker}]"

    @admin.display(description="from", ordering="title")
    def place(self, row: Citation) -> SafeString | str:
        return place_of(self.admin_site, row)

    @admin.display(description="headings")
    def headings(self, row: Citation) -> str:
        return " › ".join(row.heading_path) or NOTHING

    @admin.display(description="quote")
    def beginning(self, row: Citation) -> str:
        return row.quote[:120] + ("…" if len(row.quote) > 120 else "")
