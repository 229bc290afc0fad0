"""Bots as clients write and read them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bots.models import BotProfile, QueryRewrite, WidgetTheme
from bots.selectors import credentials_hint, has_credentials, live_source_ids
from bots.validation import RULES, WIDGET_RULES, clean_slug
from minirag.api.serializers import StrictSerializer
from minirag.errors import ErrorCode


class WidgetInput(StrictSerializer):
    """Widget settings; on PATCH only those that are given change."""

    rules = WIDGET_RULES

    enabled = serializers.BooleanField(required=False)
    allowed_origins = serializers.ListField(
        child=serializers.CharField(max_length=300),
        required=False,
        help_text="Exact origins (https://www.example.com); an empty list refuses every site.",
    )
    daily_message_limit = serializers.IntegerField(required=False, min_value=0)
    theme = serializers.ChoiceField(choices=WidgetTheme.choices, required=False)


class BotUpdate(StrictSerializer):
    """Changes of a bot."""

    rules = {**RULES, "slug": clean_slug}

    name = serializers.CharField(max_length=200, required=False)
    slug = serializers.CharField(max_length=80, required=False)
    model = serializers.CharField(
        max_length=200, required=False, help_text="A LiteLLM model string, or local/extractive."
    )
    credentials = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        allow_null=True,
        write_only=True,
        help_text="Needs scope admin. Replaced whole; null clears.",
    )
    system_prompt = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    temperature = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=2)
    max_output_tokens = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    source_ids = serializers.ListField(child=serializers.UUIDField(), required=False)
    top_k = serializers.IntegerField(required=False, min_value=1, max_value=50)
    score_threshold = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text="Compared with the evidence score; null is the calibrated default.",
    )
    query_rewrite = serializers.ChoiceField(choices=QueryRewrite.choices, required=False)
    refusal_message = serializers.CharField(required=False, trim_whitespace=False)
    welcome_message = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    suggested_questions = serializers.ListField(child=serializers.CharField(), required=False)
    widget = WidgetInput(required=False)
    is_active = serializers.BooleanField(required=False)


class BotCreate(BotUpdate):
    """A new bot. Without a slug it gets one from its name."""

    name = serializers.CharField(max_length=200)


class WidgetSerializer(serializers.Serializer[BotProfile]):
    """Widget settings with the public id that the page's script names."""

    public_id = serializers.CharField(source="widget_public_id")
    enabled = serializers.BooleanField(source="widget_enabled")
    allowed_origins = serializers.ListField(
        child=serializers.CharField(), source="widget_allowed_origins"
    )
    daily_message_limit = serializers.IntegerField(source="widget_daily_message_limit")
    theme = serializers.ChoiceField(choices=WidgetTheme.choices, source="widget_theme")


class BotSerializer(serializers.ModelSerializer[BotProfile]):
    """A bot. Of its credentials only whether there are any, and the key's last four."""

    credentials_set = serializers.SerializerMethodField()
    credentials_hint = serializers.SerializerMethodField()
    source_ids = serializers.SerializerMethodField()
    widget = WidgetSerializer(source="*")
    query_rewrite = serializers.ChoiceField(choices=QueryRewrite.choices)
    suggested_questions = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = BotProfile
        fields = (
            "id",
            "name",
            "slug",
            "model",
            "credentials_set",
            "credentials_hint",
            "system_prompt",
            "temperature",
            "max_output_tokens",
            "source_ids",
            "top_k",
            "score_threshold",
            "query_rewrite",
            "refusal_message",
            "welcome_message",
            "suggested_questions",
            "widget",
            "is_active",
            "created_at",
            "updated_at",
        )

    def get_credentials_set(self, bot: BotProfile) -> bool:
        return has_credentials(bot)

    def get_credentials_hint(self, bot: BotProfile) -> str | None:
        return credentials_hint(bot)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_source_ids(self, bot: BotProfile) -> list[str]:
        return [str(pk) for pk in live_source_ids(bot)]


class CheckErrorSerializer(serializers.Serializer[Any]):
    """Why the model did not answer."""

    code = serializers.ChoiceField(choices=[code.value for code in ErrorCode])
    message = serializers.CharField(help_text="What went wrong and what to change.")


class CheckSerializer(serializers.Serializer[Any]):
    """What ``POST /bot-profiles/{id}/check`` answers; ``error`` where ``ok`` is false."""

    ok = serializers.BooleanField()
    latency_ms = serializers.IntegerField()
    error = CheckErrorSerializer(required=False)
