"""Routes of the widget, below ``/widget/v1/``."""

from __future__ import annotations

from django.urls import path

from chat.widget_api import WidgetSessionView

urlpatterns = [path("session", WidgetSessionView.as_view(), name="widget-session")]
