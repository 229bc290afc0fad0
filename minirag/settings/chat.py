"""Chats and searches: sizes, waits and shares."""

from __future__ import annotations

from minirag.settings.environment import env

# Threads for the database work of chats, and for searches (which may wait for a remote embedder).
MINIRAG_CHAT_DB_THREADS = env.int("MINIRAG_CHAT_DB_THREADS", default=4)
MINIRAG_SEARCH_THREADS = env.int("MINIRAG_SEARCH_THREADS", default=8)
# How many times the wanted hits are fetched from the store, and how often a search that met a
# document just being replaced looks again.
MINIRAG_SEARCH_OVERFETCH = env.int("MINIRAG_SEARCH_OVERFETCH", default=4)
MINIRAG_SEARCH_TRIES = env.int("MINIRAG_SEARCH_TRIES", default=3)
# Tokens of a prompt given to passages and to the chat's history; messages of history looked at.
MINIRAG_CONTEXT_TOKENS = env.int("MINIRAG_CONTEXT_TOKENS", default=6000)
MINIRAG_HISTORY_TOKENS = env.int("MINIRAG_HISTORY_TOKENS", default=1500)
MINIRAG_HISTORY_MESSAGES = env.int("MINIRAG_HISTORY_MESSAGES", default=12)
# The longest answer in characters and in seconds, the longest silence of a provider inside one,
# and the longest wait for a rewritten question.
MINIRAG_ANSWER_CHARS = env.int("MINIRAG_ANSWER_CHARS", default=100_000)
MINIRAG_ANSWER_SECONDS = env.int("MINIRAG_ANSWER_SECONDS", default=600)
MINIRAG_TOKEN_GAP_SECONDS = env.int("MINIRAG_TOKEN_GAP_SECONDS", default=90)
MINIRAG_REWRITE_SECONDS = env.int("MINIRAG_REWRITE_SECONDS", default=8)
# A streaming answer whose process was silent for this long counts as interrupted.
MINIRAG_CHAT_LEASE_SECONDS = env.int("MINIRAG_CHAT_LEASE_SECONDS", default=30)
# How long a finished stream's events are kept, and how many bytes of them one process keeps.
MINIRAG_STREAM_TTL_SECONDS = env.int("MINIRAG_STREAM_TTL_SECONDS", default=86_400)
MINIRAG_STREAM_LOG_BYTES = env.int("MINIRAG_STREAM_LOG_BYTES", default=64 * 1024 * 1024)
# A comment line keeps a silent SSE stream alive; at most 15 by contract.
MINIRAG_SSE_HEARTBEAT_SECONDS = env.int("MINIRAG_SSE_HEARTBEAT_SECONDS", default=10)
# WebSockets: closed after this silence; credential looked at again this often.
MINIRAG_WS_IDLE_SECONDS = env.int("MINIRAG_WS_IDLE_SECONDS", default=600)
MINIRAG_WS_RECHECK_SECONDS = env.float("MINIRAG_WS_RECHECK_SECONDS", default=2.0)
# Share of a bot's daily widget messages that one visitor, and one address, may spend.
MINIRAG_WIDGET_VISITOR_SHARE = env.float("MINIRAG_WIDGET_VISITOR_SHARE", default=0.25)
MINIRAG_WIDGET_ADDRESS_SHARE = env.float("MINIRAG_WIDGET_ADDRESS_SHARE", default=0.5)
# Characters shown before and after a cited quote.
MINIRAG_CITATION_MARGIN = env.int("MINIRAG_CITATION_MARGIN", default=600)
