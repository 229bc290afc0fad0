"""HTTP edges of chat and search."""

from chat.api.asking import ChatView, StopView
from chat.api.reading import (
    ChatDetailView,
    ChatListView,
    ChatMessagesView,
    CitationView,
    FeedbackView,
    MessageView,
)
from chat.api.searching import SearchView

__all__ = [
    "ChatDetailView",
    "ChatListView",
    "ChatMessagesView",
    "ChatView",
    "CitationView",
    "FeedbackView",
    "MessageView",
    "SearchView",
    "StopView",
]
