"""Pages for people, below ``/chat/``."""

from __future__ import annotations

from django.urls import path

from chat.pages import chat_page

urlpatterns = [path("<str:public_id>/", chat_page, name="chat-page")]
