"""Bodies of chat and search: what comes in is strict, what goes out is the contract's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from chat.models import Channel, Message, MessageRole, MessageStatus, Rating
from chat.payloads import citation_data
from minirag.api.serializers import PageParams, StrictSerializer

LONGEST_MESSAGE = 32_000
_MOST_SOURCES = 200


class ChatInput(StrictSerializer):
    """``POST /chat``. Spaces around a message are the user's own."""

    bot_profile_id = serializers.UUIDField()
    message = serializers.CharField(
        min_length=1,
        max_length=LONGEST_MESSAGE,
        trim_whitespace=False,
        style={"base_template": "textarea.html"},
    )
    chat_id = serializers.UUIDField(required=False, allow_null=True)
    stream = serializers.BooleanField(required=False, default=False)
    external_user = serializers.CharField(required=False, allow_null=True, max_length=200)

    def validate_message(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError("The message is empty.")
        return value


class SearchInput(StrictSerializer):
    """``POST /search``: in a bot's sources, or in those named."""

    query = serializers.CharField(min_length=1, max_length=LONGEST_MESSAGE)
    bot_profile_id = serializers.UUIDField(required=False)
    source_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=_MOST_SOURCES
    )
    top_k = serializers.IntegerField(required=False, min_value=1, max_value=50)

    def _problems(self, data: Mapping[str, Any]) -> dict[str, str]:
        problems = super()._problems(data)
        # A form names an input that was left empty.
        named = [name for name in ("bot_profile_id", "source_ids") if data.get(name, "") != ""]
        if len(named) != 1:
            problems.setdefault("bot_profile_id", "Give either bot_profile_id or source_ids.")
        return problems


class StopInput(StrictSerializer):
    """What a ``stop`` frame says."""

    message_id = serializers.UUIDField()


class FeedbackInput(StrictSerializer):
    """A rating of an answer."""

    rating = serializers.ChoiceField(choices=Rating.choices)
    comment = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=2_000
    )


class ChatsQuery(PageParams):
    """Filters of the list of chats."""

    bot_profile_id = serializers.UUIDField(required=False)
    external_user = serializers.CharField(required=False, max_length=200)


class WidgetSessionInput(StrictSerializer):
    """``POST /widget/v1/session``."""

    public_id = serializers.CharField(max_length=40)
    visitor_id = serializers.UUIDField(required=False, allow_null=True)


class HitOutput(serializers.Serializer[Any]):
    """A passage that a search found."""

    chunk_id = serializers.UUIDField()
    document_id = serializers.UUIDField()
    source_id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField()
    score = serializers.FloatField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    page = serializers.IntegerField(allow_null=True)
    heading_path = serializers.ListField(child=serializers.CharField())
    url = serializers.CharField(allow_null=True)
    metadata = serializers.DictField()


class SearchOutput(serializers.Serializer[Any]):
    """The answer of a search."""

    hits = HitOutput(many=True)
    embedding_model = serializers.CharField()


class CitationOutput(serializers.Serializer[Any]):
    """What stands behind ``[marker]`` in an answer."""

    marker = serializers.IntegerField()
    chunk_id = serializers.UUIDField()
    document_id = serializers.UUIDField()
    source_id = serializers.UUIDField()
    title = serializers.CharField()
    url = serializers.CharField(allow_null=True)
    page = serializers.IntegerField(allow_null=True)
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    quote = serializers.CharField()
    verified = serializers.BooleanField()


class CallOutput(serializers.Serializer[Any]):
    """One provider call of an answer."""

    kind = serializers.CharField()
    model = serializers.CharField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.CharField(allow_null=True)
    estimated = serializers.BooleanField()


class UsageOutput(serializers.Serializer[Any]):
    """What an answer took."""

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.CharField(allow_null=True)
    estimated = serializers.BooleanField()
    calls = CallOutput(many=True)


class AnswerOutput(serializers.Serializer[Any]):
    """A finished answer."""

    chat_id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    answer = serializers.CharField()
    refused = serializers.BooleanField()
    finish_reason = serializers.ChoiceField(
        choices=["stop", "length", "content_filter", "refused", "stopped"]
    )
    citations = CitationOutput(many=True)
    usage = UsageOutput()


class ChatOutput(serializers.Serializer[Any]):
    """A conversation."""

    id = serializers.UUIDField()
    bot_profile_id = serializers.UUIDField(source="bot_id")
    title = serializers.CharField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    external_user = serializers.CharField(allow_null=True)
    message_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class FeedbackOutput(serializers.Serializer[Any]):
    """A rating as it is kept."""

    rating = serializers.ChoiceField(choices=Rating.choices)
    comment = serializers.CharField(allow_null=True)


class ErrorFieldOutput(serializers.Serializer[Any]):
    """Why an answer did not come to its end."""

    code = serializers.CharField()
    message = serializers.CharField()


class MessageOutput(serializers.Serializer[Any]):
    """A question or an answer."""

    id = serializers.UUIDField()
    chat_id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=MessageRole.choices)
    content = serializers.CharField()
    status = serializers.ChoiceField(choices=MessageStatus.choices)
    citations = CitationOutput(many=True)
    usage = UsageOutput(allow_null=True)
    feedback = FeedbackOutput(allow_null=True)
    error = ErrorFieldOutput(allow_null=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Message) -> dict[str, Any]:
        created = self.fields["created_at"].to_representation(instance.created_at)
        return {
            "id": str(instance.pk),
            "chat_id": str(instance.chat_id),
            "role": instance.role,
            "content": instance.content,
            "status": instance.status,
            "citations": [citation_data(one) for one in instance.citations.all()],
            "usage": instance.usage,
            "feedback": {
                "rating": instance.feedback_rating,
                "comment": instance.feedback_comment or None,
            }
            if instance.feedback_rating
            else None,
            "error": instance.error,
            "created_at": created,
        }


class CitedPassageOutput(serializers.Serializer[Any]):
    """A quote with what stands around it."""

    title = serializers.CharField()
    heading_path = serializers.ListField(child=serializers.CharField())
    page = serializers.IntegerField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    before = serializers.CharField()
    quote = serializers.CharField()
    after = serializers.CharField()


class WidgetSessionOutput(serializers.Serializer[Any]):
    """A visitor's credential."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    visitor_id = serializers.UUIDField()
