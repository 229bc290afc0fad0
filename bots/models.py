"""Bots: a named way of answering from some of the tenant's sources."""

from __future__ import annotations

import secrets

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from minirag.fields import EncryptedCredentialsField
from sources.models import Source
from tenants.models import TenantOwned

DEFAULT_MODEL = "local/extractive"
DEFAULT_REFUSAL = "I could not find an answer to that in the sources I have."


def new_public_id() -> str:
    """The widget's public name: no secret, but not to be guessed either."""
    return "bot_" + secrets.token_urlsafe(12)


class QueryRewrite(models.TextChoices):
    AUTO = "auto"
    ALWAYS = "always"
    OFF = "off"


class WidgetTheme(models.TextChoices):
    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class BotProfile(TenantOwned):
    """A bot: model, prompt, sources, retrieval and widget settings."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, db_index=False)
    model = models.CharField(max_length=200, default=DEFAULT_MODEL)
    credentials = EncryptedCredentialsField()
    system_prompt = models.TextField(max_length=20_000, blank=True)
    temperature = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    sources: models.ManyToManyField[Source, BotSource] = models.ManyToManyField(
        Source, through="BotSource", blank=True, related_name="bots"
    )
    top_k = models.PositiveIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    score_threshold = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    query_rewrite = models.CharField(
        max_length=6, choices=QueryRewrite.choices, default=QueryRewrite.AUTO
    )
    refusal_message = models.TextField(max_length=2_000, default=DEFAULT_REFUSAL)
    welcome_message = models.TextField(
        max_length=2_000, blank=True, default="Hello! Ask me anything."
    )
    suggested_questions = models.JSONField(default=list, blank=True)
    widget_public_id = models.CharField(
        max_length=40, unique=True, default=new_public_id, editable=False
    )
    widget_enabled = models.BooleanField(default=False)
    widget_allowed_origins = models.JSONField(default=list, blank=True)
    widget_daily_message_limit = models.PositiveIntegerField(default=500)
    widget_theme = models.CharField(
        max_length=5, choices=WidgetTheme.choices, default=WidgetTheme.AUTO
    )
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "bot"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="bot_slug_unique_in_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class BotSource(TenantOwned):
    """One source of one bot."""

    bot = models.ForeignKey(
        BotProfile, on_delete=models.CASCADE, related_name="bot_sources", db_index=False
    )
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="bot_sources")

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["bot", "source"], name="one_link_per_bot_and_source")
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} reads {self.source_id}"
