"""Conversations: a chat holds messages, an answer holds citations."""

from __future__ import annotations

from django.db import models

from bots.models import BotProfile
from minirag.formats import LONGEST_URL
from tenants.models import TenantOwned


class Channel(models.TextChoices):
    API = "api", "API"
    WEBSOCKET = "websocket", "WebSocket"
    WIDGET = "widget"
    OPENAI = "openai", "OpenAI"
    CONSOLE = "console"


class MessageRole(models.TextChoices):
    USER = "user"
    ASSISTANT = "assistant"


class MessageStatus(models.TextChoices):
    STREAMING = "streaming"
    COMPLETED = "completed"
    REFUSED = "refused"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Rating(models.TextChoices):
    UP = "up"
    DOWN = "down"


class Chat(TenantOwned):
    """One conversation with one bot. ``visitor_id`` is the widget visitor it belongs to."""

    bot = models.ForeignKey(BotProfile, on_delete=models.CASCADE, related_name="chats")
    title = models.CharField(max_length=200, blank=True)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.API)
    external_user = models.CharField(max_length=200, null=True, blank=True, db_index=True)
    visitor_id = models.UUIDField(null=True, blank=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        pass

    def __str__(self) -> str:
        return self.title or str(self.id)


# How often the lease of an answer is renewed while it lasts, and the text so far written with it.
BEATS_PER_LEASE = 6


class Message(TenantOwned):
    """A question or an answer. An answer's row exists before its first token."""

    chat = models.ForeignKey(
        Chat, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    ordinal = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=MessageRole.choices)
    content = models.TextField(blank=True)
    # Token, person or visitor; null where a command asked, and on what is older than this field.
    asked_by = models.UUIDField(null=True, editable=False)
    status = models.CharField(
        max_length=12, choices=MessageStatus.choices, default=MessageStatus.COMPLETED
    )
    finish_reason = models.CharField(max_length=20, blank=True)
    usage = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    feedback_rating = models.CharField(max_length=4, choices=Rating.choices, blank=True)
    feedback_comment = models.TextField(max_length=2_000, blank=True)
    # A streaming answer is held by the process that writes it, until this moment.
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    stop_requested = models.BooleanField(default=False, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ["chat", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["chat", "ordinal"], name="one_message_per_place"),
            # A chat answers one question at a time.
            models.UniqueConstraint(
                fields=["chat"],
                condition=models.Q(status="streaming"),
                name="one_streaming_answer_per_chat",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.ordinal}, {self.role}"


class Citation(TenantOwned):
    """What stands behind ``[marker]``: a quote of a document, kept as it was when cited.

    Ids are no foreign keys: an old answer keeps its quote when the source is gone.
    """

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="citations", db_index=False
    )
    ordinal = models.PositiveIntegerField()
    marker = models.PositiveIntegerField()
    chunk_id = models.UUIDField()
    document_id = models.UUIDField()
    source_id = models.UUIDField()
    title = models.CharField(max_length=500, blank=True)
    url = models.CharField(max_length=LONGEST_URL, blank=True)
    page = models.PositiveIntegerField(null=True, blank=True)
    heading_path = models.JSONField(default=list, blank=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField()
    verified = models.BooleanField(default=False)

    class Meta(TenantOwned.Meta):
        ordering = ["message", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["message", "ordinal"], name="one_citation_per_place")
        ]

    def __str__(self) -> str:
        return f"[{self.marker}] {self.title}"


class DailyWidgetCount(TenantOwned):
    """A bot's widget messages of a UTC day, whole (``bucket`` empty) and by visitor and address."""

    bot = models.ForeignKey(BotProfile, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    bucket = models.CharField(max_length=80, blank=True)
    count = models.PositiveIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "day", "bucket"], name="one_widget_count_per_bucket"
            )
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} {self.day} {self.bucket}: {self.count}"
