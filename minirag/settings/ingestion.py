"""Jobs, chunks, and what one document may cost."""

from __future__ import annotations

from minirag.settings.environment import env

# --- ingestion ---------------------------------------------------------------------------------

# Tokens (cl100k) of a chunk at most, and tokens that it shares with the one before it at most.
MINIRAG_CHUNK_SIZE = env.int("MINIRAG_CHUNK_SIZE", default=512)
MINIRAG_CHUNK_OVERLAP = env.int("MINIRAG_CHUNK_OVERLAP", default=64)
# Jobs at a time in one embedded server, and of one tenant over all workers.
MINIRAG_WORKER_THREADS = env.int("MINIRAG_WORKER_THREADS", default=2)
MINIRAG_JOBS_PER_TENANT = env.int("MINIRAG_JOBS_PER_TENANT", default=2)
# Seconds a worker holds a job without a sign of life, and between two such signs.
MINIRAG_JOB_LEASE_SECONDS = env.float("MINIRAG_JOB_LEASE_SECONDS", default=30.0)
MINIRAG_JOB_HEARTBEAT_SECONDS = env.float("MINIRAG_JOB_HEARTBEAT_SECONDS", default=1.0)
# Workers that may die over one job before it fails.
MINIRAG_JOB_CRASHES = env.int("MINIRAG_JOB_CRASHES", default=3)
# Attempts while a provider or the vector store is not available, before the job fails.
MINIRAG_JOB_ATTEMPTS = env.int("MINIRAG_JOB_ATTEMPTS", default=8)
# Longest wait between two attempts, in seconds; a provider's Retry-After is honoured up to it.
MINIRAG_JOB_BACKOFF_SECONDS = env.float("MINIRAG_JOB_BACKOFF_SECONDS", default=300.0)
# Seconds after which a job makes room when other tenants wait.
MINIRAG_JOB_SLICE_SECONDS = env.float("MINIRAG_JOB_SLICE_SECONDS", default=15.0)
# Seconds between two looks of the sweeper for expired leases and jobs that have become due.
MINIRAG_SWEEP_SECONDS = env.float("MINIRAG_SWEEP_SECONDS", default=2.0)
# Seconds between two rounds of housekeeping: stored files, idempotency records and points that
# nobody needs any more.
MINIRAG_HOUSEKEEPING_SECONDS = env.float("MINIRAG_HOUSEKEEPING_SECONDS", default=3600.0)
# Embedding calls of one job at a time.
MINIRAG_EMBED_PARALLEL = env.int("MINIRAG_EMBED_PARALLEL", default=2)
# A new index beside the old one: embedding calls at a time, seconds of rest between two rounds, and
# hours for which the old one is kept for a rollback.
MINIRAG_REINDEX_PARALLEL = env.int("MINIRAG_REINDEX_PARALLEL", default=1)
MINIRAG_REINDEX_PAUSE_SECONDS = env.float("MINIRAG_REINDEX_PAUSE_SECONDS", default=0.0)
MINIRAG_INDEX_KEEP_HOURS = env.float("MINIRAG_INDEX_KEEP_HOURS", default=24.0)

# --- parsing: what one document may cost its child process -------------------------------------

MINIRAG_PARSE_MEMORY_MB = env.int("MINIRAG_PARSE_MEMORY_MB", default=768)
MINIRAG_PARSE_CPU_SECONDS = env.int("MINIRAG_PARSE_CPU_SECONDS", default=60)
MINIRAG_PARSE_SECONDS = env.int("MINIRAG_PARSE_SECONDS", default=120)
# The child's whole answer: text with its structure, as JSON.
MINIRAG_PARSE_OUTPUT_BYTES = env.int("MINIRAG_PARSE_OUTPUT_BYTES", default=64 * 1024 * 1024)
# What a zip container (DOCX) may unfold to, and its number of entries.
MINIRAG_PARSE_INFLATED_BYTES = env.int("MINIRAG_PARSE_INFLATED_BYTES", default=256 * 1024 * 1024)
MINIRAG_PARSE_ENTRIES = env.int("MINIRAG_PARSE_ENTRIES", default=10_000)
