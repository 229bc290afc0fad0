"""What goes out: pages and model providers."""

from __future__ import annotations

from minirag.settings.environment import DEVELOPMENT, env

MINIRAG_EGRESS_ALLOW: list[str] = env.list("MINIRAG_EGRESS_ALLOW", default=[])
# Longest name lookup, in seconds.
MINIRAG_DNS_TIMEOUT = env.int("MINIRAG_DNS_TIMEOUT", default=5)
MINIRAG_MAX_URL_LENGTH = env.int("MINIRAG_MAX_URL_LENGTH", default=2048)
# Largest answer of any server that a tenant named (a provider's reply), inflated.
MINIRAG_EGRESS_MAX_BYTES = env.int("MINIRAG_EGRESS_MAX_BYTES", default=64 * 1024 * 1024)
# One page of a url source: bytes inflated, seconds for the whole transfer, redirects followed.
MINIRAG_FETCH_MAX_BYTES = env.int("MINIRAG_FETCH_MAX_BYTES", default=20 * 1024 * 1024)
MINIRAG_FETCH_SECONDS = env.int("MINIRAG_FETCH_SECONDS", default=60)
MINIRAG_FETCH_REDIRECTS = env.int("MINIRAG_FETCH_REDIRECTS", default=5)
MINIRAG_PROVIDERS: list[str] = env.list("MINIRAG_PROVIDERS", default=[])
# A provider call, in seconds: to connect, until the first token, between two tokens, in all.
MINIRAG_PROVIDER_CONNECT_TIMEOUT = env.float("MINIRAG_PROVIDER_CONNECT_TIMEOUT", default=10.0)
MINIRAG_PROVIDER_FIRST_TOKEN_TIMEOUT = env.float(
    "MINIRAG_PROVIDER_FIRST_TOKEN_TIMEOUT", default=60.0
)
MINIRAG_PROVIDER_TOKEN_TIMEOUT = env.float("MINIRAG_PROVIDER_TOKEN_TIMEOUT", default=30.0)
MINIRAG_PROVIDER_TOTAL_TIMEOUT = env.float("MINIRAG_PROVIDER_TOTAL_TIMEOUT", default=600.0)
# One embedding call as a whole, in seconds.
MINIRAG_PROVIDER_EMBED_TIMEOUT = env.float("MINIRAG_PROVIDER_EMBED_TIMEOUT", default=60.0)
# Largest reply of a model provider: all the events of a stream, or one embedding batch.
MINIRAG_PROVIDER_MAX_BYTES = env.int("MINIRAG_PROVIDER_MAX_BYTES", default=32 * 1024 * 1024)
# The one tiny call of a bot's check, in seconds.
MINIRAG_BOT_CHECK_SECONDS = env.float("MINIRAG_BOT_CHECK_SECONDS", default=20.0)
# Scripted models for tests; refused outside development.
MINIRAG_FAKES = DEVELOPMENT and env.bool("MINIRAG_FAKES", default=False)
