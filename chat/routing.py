"""WebSocket routes."""

from __future__ import annotations

from django.urls import path, re_path

from chat.consumers import ChatConsumer, UnknownPathConsumer

websocket_urlpatterns = [
    path("ws/v1/chat", ChatConsumer.as_asgi()),
    re_path("", UnknownPathConsumer.as_asgi()),
]
