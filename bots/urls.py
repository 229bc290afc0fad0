"""Paths below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from bots.api import BotCheckView, BotsView, BotView

urlpatterns = [
    path("bot-profiles", BotsView.as_view(), name="bot-profiles"),
    path("bot-profiles/<str:bot_profile_id>", BotView.as_view(), name="bot-profile"),
    path(
        "bot-profiles/<str:bot_profile_id>/check", BotCheckView.as_view(), name="bot-profile-check"
    ),
]
