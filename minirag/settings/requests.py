"""Limits of requests. Every limit has a name."""

from __future__ import annotations

from minirag.settings.environment import env

MINIRAG_RATE_API = env.int("MINIRAG_RATE_API", default=600)
MINIRAG_RATE_CHAT = env.int("MINIRAG_RATE_CHAT", default=60)
MINIRAG_RATE_WIDGET = env.int("MINIRAG_RATE_WIDGET", default=20)
MINIRAG_MAX_STREAMS = env.int("MINIRAG_MAX_STREAMS", default=20)
MINIRAG_MAX_BODY_BYTES = env.int("MINIRAG_MAX_BODY_BYTES", default=8 * 1024 * 1024)
# Levels of arrays and objects in a JSON body.
MINIRAG_MAX_JSON_DEPTH = env.int("MINIRAG_MAX_JSON_DEPTH", default=32)
# How long a crashed request keeps its Idempotency-Key busy, in seconds; how long answers are kept.
MINIRAG_IDEMPOTENCY_LOCK_SECONDS = env.int("MINIRAG_IDEMPOTENCY_LOCK_SECONDS", default=300)
MINIRAG_IDEMPOTENCY_HOURS = env.int("MINIRAG_IDEMPOTENCY_HOURS", default=24)
# How long the link of an invitation works.
MINIRAG_INVITATION_HOURS = env.int("MINIRAG_INVITATION_HOURS", default=168)
MINIRAG_MAX_UPLOAD_BYTES = env.int("MINIRAG_MAX_UPLOAD_BYTES", default=100 * 1024 * 1024)
MINIRAG_MAX_FRAME_BYTES = env.int("MINIRAG_MAX_FRAME_BYTES", default=256 * 1024)
# Content of a text source, in characters; sources of one bot.
MINIRAG_MAX_TEXT_CHARS = env.int("MINIRAG_MAX_TEXT_CHARS", default=5_000_000)
MINIRAG_MAX_BOT_SOURCES = env.int("MINIRAG_MAX_BOT_SOURCES", default=500)
# Idle threads (with their database connection) that a web process keeps for the next requests.
MINIRAG_REQUEST_THREADS = env.int("MINIRAG_REQUEST_THREADS", default=8)
DATA_UPLOAD_MAX_MEMORY_SIZE = MINIRAG_MAX_BODY_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
MINIRAG_MAX_UPLOAD_FILES = env.int("MINIRAG_MAX_UPLOAD_FILES", default=100)
DATA_UPLOAD_MAX_NUMBER_FILES = MINIRAG_MAX_UPLOAD_FILES
