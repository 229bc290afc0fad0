"""Bots, with their credentials written but never read back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from bots import services
from bots.models import BotProfile
from bots.selectors import credentials_hint, missing_parts
from chat.event_logs import stop_answers
from chat.services import running_answers
from sources.models import Source
from tenants.console import NOTHING, DomainAdmin, DomainForm, LinesField, register
from tenants.context import AuthContext
from tenants.models import TokenScope

_CREDENTIALS = ("api_key", "api_base", "api_version", "organization")
_PLAIN = (
    "name",
    "slug",
    "model",
    "system_prompt",
    "temperature",
    "max_output_tokens",
    "top_k",
    "score_threshold",
    "query_rewrite",
    "refusal_message",
    "welcome_message",
    "suggested_questions",
    "is_active",
)
_WIDGET = {
    "widget_enabled": "enabled",
    "widget_allowed_origins": "allowed_origins",
    "widget_daily_message_limit": "daily_message_limit",
    "widget_theme": "theme",
}


_HELP = {
    "model": "local/extractive quotes the sources and needs no key. Or a provider's model, such as "
    "openai/gpt-4o-mini, with a key below.",
    "system_prompt": "What the model is told before every question, such as its tone.",
    "temperature": "0 to 2; empty leaves it to the provider.",
    "max_output_tokens": "Longest answer; empty leaves it to the provider.",
    "top_k": "How many passages the answer may stand on.",
    "score_threshold": "0 to 1: how well passages must support an answer. Higher refuses more, "
    "0 never refuses; empty takes the calibrated default.",
    "query_rewrite": "Whether a follow-up question is made whole before the search.",
    "widget_enabled": "Opens the bot's chat page to everybody who has its address.",
    "widget_daily_message_limit": "Messages per day of all visitors together.",
}
_LABELS = {
    "is_active": "Active",
    "top_k": "Passages",
    "score_threshold": "Least evidence",
    "query_rewrite": "Rewrite questions",
    "widget_enabled": "Chat page and widget on",
    "widget_daily_message_limit": "Messages per day",
    "widget_theme": "Colours",
}


class BotForm(DomainForm):
    slug = forms.CharField(
        required=False, help_text="Its name in programs. Made from the name where left empty."
    )
    sources: Any = forms.ModelMultipleChoiceField(
        queryset=None,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it answers from. Without one it refuses every question.",
    )
    suggested_questions = LinesField(
        required=False, help_text="One per line. The chat page shows the first six."
    )
    widget_allowed_origins = LinesField(
        required=False,
        label="Allowed sites",
        help_text="Sites that may show the widget, one per line, such as https://www.example.com. "
        "Empty: this server's own pages only.",
    )
    api_key = forms.CharField(
        label="API key",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Left empty, what is stored stays. It is never shown again.",
    )
    api_base = forms.CharField(
        label="API address", required=False, help_text="Empty: the provider's own."
    )
    api_version = forms.CharField(label="API version", required=False)
    organization = forms.CharField(required=False)
    clear_credentials = forms.BooleanField(
        required=False, label="Forget what is stored", help_text="Removes the key and the rest."
    )

    class Meta:
        model = BotProfile
        fields = (*_PLAIN, *_WIDGET)
        help_texts = _HELP
        labels = _LABELS
        widgets = {
            name: AdminTextareaWidget(attrs={"rows": 3})
            for name in ("system_prompt", "welcome_message", "refusal_message")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "sources" in self.fields:
            live = Source.objects.filter(deleted_at__isnull=True)
            if self.instance.tenant_id:
                live = live.filter(tenant_id=self.instance.tenant_id)
                self.fields["sources"].initial = list(
                    self.instance.bot_sources.values_list("source_id", flat=True)
                )
            self.fields["sources"].queryset = live.order_by("name")  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """What the service takes, only what the form held."""
        data = self.cleaned_data
        values = {name: data[name] for name in _PLAIN if name in self.fields}
        if not values.get("slug"):
            values.pop("slug", None)
        values["suggested_questions"] = values.get("suggested_questions") or []
        widget = {key: data[name] for name, key in _WIDGET.items() if name in self.fields}
        values["widget"] = widget | {"allowed_origins": widget.get("allowed_origins") or []}
        if "sources" in self.fields:
            values["source_ids"] = [source.pk for source in data["sources"]]
        given = {name: data[name] for name in _CREDENTIALS if data.get(name)}
        if given or data.get("clear_credentials"):
            values["credentials"] = given or None
        return values


@register(BotProfile)
class BotProfileAdmin(DomainAdmin):
    form = BotForm
    add_scope = change_scope = delete_scope = TokenScope.WRITE
    empty_words = "No bots yet. A bot answers questions from the sources that you give it."
    delete_words = (
        "The bot goes with its chats, its chat page and its widget. Its sources stay. "
        "It cannot be taken back."
    )
    list_display = ("name", "slug", "model", "active", "shown_outside", "chat_page")
    list_filter = ("is_active", "widget_enabled", "model")
    search_fields = ("name", "slug")
    readonly_fields = ("stored_credentials", "widget_public_id", "chat_page")

    def get_fieldsets(self, request: Any, obj: Any = None) -> Any:
        main = ["name", "slug", "is_active", "sources", "model", "system_prompt"]
        if not self.in_console and obj is None:
            # The sources to choose from depend on the tenant, which is not chosen yet.
            main = ["tenant", *[name for name in main if name != "sources"]]
        answers = ["temperature", "max_output_tokens", "top_k", "score_threshold", "query_rewrite"]
        words = ["welcome_message", "refusal_message", "suggested_questions"]
        secret = ["stored_credentials"]
        if self._may(request, TokenScope.ADMIN):
            secret += [*_CREDENTIALS, "clear_credentials"]
        widget = ["chat_page", "widget_public_id", *_WIDGET] if obj else list(_WIDGET)
        groups = [
            (None, main),
            ("Answers", answers),
            ("Words", words),
            ("Provider credentials", secret),
            ("Chat page and widget", widget),
        ]
        return [(name, {"fields": self.readable(request, obj, group)}) for name, group in groups]

    def create(self, auth: AuthContext, form: Any) -> models.Model:
        values = form.values()
        return services.create_bot(auth, name=values.pop("name"), **values)

    def change(self, auth: AuthContext, row: Any, form: Any) -> models.Model:
        return services.update_bot(auth, row, **form.values())

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        self._say_what_is_missing(request, obj)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        self._say_what_is_missing(request, obj)
        return super().response_change(request, obj)

    def _say_what_is_missing(self, request: HttpRequest, bot: BotProfile) -> None:
        with self.acting(request, bot.tenant_id):
            missing = missing_parts(bot)
        if missing:
            words = f"{bot.name} cannot answer yet. {' '.join(missing)}"
            self.message_user(request, words, messages.WARNING)

    def remove(self, auth: AuthContext, row: Any) -> None:
        running = running_answers(row)
        services.delete_bot(auth, row)
        stop_answers(running)

    def get_queryset(self, request: Any) -> QuerySet[BotProfile]:
        rows: QuerySet[BotProfile] = super().get_queryset(request)
        return rows

    @admin.display(description="active", boolean=True, ordering="is_active")
    def active(self, row: BotProfile) -> bool:
        return row.is_active

    @admin.display(description="widget on", boolean=True, ordering="widget_enabled")
    def shown_outside(self, row: BotProfile) -> bool:
        return row.widget_enabled

    @admin.display(description="stored")
    def stored_credentials(self, row: BotProfile) -> str:
        hint = credentials_hint(row) if row.pk else None
        return f"set, ending in {hint}" if hint else "none"

    @admin.display(description="chat page")
    def chat_page(self, row: BotProfile) -> str:
        if not (row.is_active and row.widget_enabled):
            return NOTHING
        words = f"Open the chat of {row.name}"
        link = '<a href="/chat/{}/" aria-label="{}">open</a>'
        return format_html(link, row.widget_public_id, words)
