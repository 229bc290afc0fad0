"""Paths below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from usage.api import UsageEventsView, UsageView

urlpatterns = [
    path("usage", UsageView.as_view(), name="usage"),
    path("usage/events", UsageEventsView.as_view(), name="usage-events"),
]
