"""Routes of chat and search, below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from chat import api

urlpatterns = [
    path("search", api.SearchView.as_view(), name="search"),
    path("chat", api.ChatView.as_view(), name="chat"),
    path("chats", api.ChatListView.as_view(), name="chats"),
    path("chats/<str:chat_id>", api.ChatDetailView.as_view(), name="chat-detail"),
    path("chats/<str:chat_id>/messages", api.ChatMessagesView.as_view(), name="chat-messages"),
    path("messages/<str:message_id>", api.MessageView.as_view(), name="message"),
    path("messages/<str:message_id>/stop", api.StopView.as_view(), name="message-stop"),
    path("messages/<str:message_id>/feedback", api.FeedbackView.as_view(), name="feedback"),
    path(
        "messages/<str:message_id>/citations/<str:marker>",
        api.CitationView.as_view(),
        name="citation",
    ),
]
