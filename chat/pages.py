"""The chat page: one bot, for anybody who has its address."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bots.models import DEFAULT_MODEL, BotProfile, WidgetTheme
from chat.serializers import LONGEST_MESSAGE
from minirag import __version__
from tenants.scope import platform_scope

SUGGESTIONS = 6
_LOCAL_LABEL = "Quotes your sources word for word; no language model"


def _open_bot(public_id: str) -> BotProfile | None:
    """The bot behind a public address; None alike for unknown, closed and suspended ones."""
    with platform_scope("chat page: a bot by its public id"):
        found: BotProfile | None = BotProfile.objects.filter(
            widget_public_id=public_id,
            widget_enabled=True,
            is_active=True,
            tenant__suspended_at__isnull=True,
        ).first()
        return found


def _config(bot: BotProfile) -> dict[str, Any]:
    """What the page's script needs to know."""
    return {
        "public_id": bot.widget_public_id,
        "bot_profile_id": str(bot.pk),
        "name": bot.name,
        "max_characters": LONGEST_MESSAGE,
    }


@require_safe
def chat_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The chat of one bot, or a page that says that there is none (404)."""
    bot = _open_bot(public_id)
    if bot is None:
        return render(request, "pages/no_chat.html", {"version": __version__}, status=404)
    context = {
        "bot": bot,
        "config": json.dumps(_config(bot)),
        "theme": None if bot.widget_theme == WidgetTheme.AUTO else bot.widget_theme,
        "label": _LOCAL_LABEL if bot.model == DEFAULT_MODEL else "",
        "suggestions": [str(one) for one in bot.suggested_questions or []][:SUGGESTIONS],
        "version": __version__,
    }
    return render(request, "pages/chat.html", context)
