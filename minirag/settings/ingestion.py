"""Jobs, chunks, and what one document may cost."""

from __future__ import annotations

from minirag.settings.environment import env

# --- ingestion ---------------------------------------------------------------------------------

# Tokens (cl100k) of a chunk at most, and tokens that it shares with the one before it at most.
MINIRAG_CHUNK_SIZE = env.int("MINIRAG_CHUNK_SIZE", default=448)
MINIRAG_CHUNK_OVERLAP = env.int("MINIRAG_CHUNK_OVERLAP", default=0)
# Jobs at a time in one embedded server, and of one tenant over all workers.
MINIRAG_WORKER_THREADS = env.int("MINIRAG_WORKER_THREADS", default=2)
MINIRAG_JOBS_PER_TENANT = env.int("MINIRAG_JOBS_PER_TENANT", default=2)
# Seconds a worker holds a job without a sign of life, and between two such signs.
MINIRAG_JOB_LEASE_SECONDS = env.float("MINIRAG_JOB_LEASE_SECONDS", default=30.0)
MINIRAG_JOB_HEARTBEAT_SECONDS = env.float("MINIRAG_JOB_HEARTBEAT_SECONDS", default=1.0)
# Workers that may die over one job before it fails.
MINIRAG_JOB_CRASHES = env.int("MINIRAG_JOB_CRASHES", default=3)
# Documents of one job that may each have cost so many workers and be given up; with more of them
# the job fails.
MINIRAG_JOB_POISONS = env.int("MINIRAG_JOB_POISONS", default=10)
# Attempts while a provider or the vector store is not available, before the job fails.
MINIRAG_JOB_ATTEMPTS = env.int("MINIRAG_JOB_ATTEMPTS", default=8)
# Longest wait between two attempts, in seconds; a provider's Retry-After is honoured up to it.
MINIRAG_JOB_BACKOFF_SECONDS = env.float("MINIRAG_JOB_BACKOFF_SECONDS", default=300.0)
# Seconds for which the vectors of a job that failed or was cancelled are kept for a retry.
MINIRAG_JOB_KEEP_SECONDS = env.float("MINIRAG_JOB_KEEP_SECONDS", default=3600.0)
# Seconds after which a job makes room when other tenants wait.
MINIRAG_JOB_SLICE_SECONDS = env.float("MINIRAG_JOB_SLICE_SECONDS", default=5.0)
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

# --- preview: what one look ahead may cost -----------------------------------------------------

# Seconds on the clock, documents, and bytes of them; beyond, the preview says it is not complete.
MINIRAG_PREVIEW_SECONDS = env.float("MINIRAG_PREVIEW_SECONDS", default=20.0)
MINIRAG_PREVIEW_DOCUMENTS = env.int("MINIRAG_PREVIEW_DOCUMENTS", default=200)
MINIRAG_PREVIEW_BYTES = env.int("MINIRAG_PREVIEW_BYTES", default=16 * 1024 * 1024)
# Chunks that are shown as they would be.
MINIRAG_PREVIEW_CHUNKS = env.int("MINIRAG_PREVIEW_CHUNKS", default=10)
# Previews of one process at a time.
MINIRAG_PREVIEW_PARALLEL = env.int("MINIRAG_PREVIEW_PARALLEL", default=2)

# --- parsing: what one document may cost its child process -------------------------------------

MINIRAG_PARSE_MEMORY_MB = env.int("MINIRAG_PARSE_MEMORY_MB", default=512)
MINIRAG_PARSE_CPU_SECONDS = env.int("MINIRAG_PARSE_CPU_SECONDS", default=30)
MINIRAG_PARSE_SECONDS = env.int("MINIRAG_PARSE_SECONDS", default=30)
# Seconds beside that for which it may wait for a processor; then its document is tried again later.
MINIRAG_PARSE_WAIT_SECONDS = env.float("MINIRAG_PARSE_WAIT_SECONDS", default=120.0)
# The child's whole answer: text with its structure, as JSON.
MINIRAG_PARSE_OUTPUT_BYTES = env.int("MINIRAG_PARSE_OUTPUT_BYTES", default=64 * 1024 * 1024)
# What a zip container (DOCX, PPTX, XLSX, ODT, EPUB) may unfold to, and its number of entries.
MINIRAG_PARSE_INFLATED_BYTES = env.int("MINIRAG_PARSE_INFLATED_BYTES", default=256 * 1024 * 1024)
MINIRAG_PARSE_ENTRIES = env.int("MINIRAG_PARSE_ENTRIES", default=10_000)
# Pages, slides or chapters of one document; rows and columns of its tables of cells.
MINIRAG_PARSE_PAGES = env.int("MINIRAG_PARSE_PAGES", default=5_000)
MINIRAG_PARSE_ROWS = env.int("MINIRAG_PARSE_ROWS", default=200_000)
MINIRAG_PARSE_COLUMNS = env.int("MINIRAG_PARSE_COLUMNS", default=1_000)
# Nesting of JSON, of parts of a mail and of grouped shapes.
MINIRAG_PARSE_DEPTH = env.int("MINIRAG_PARSE_DEPTH", default=50)
# Headings that are kept of one document, those of the highest levels first.
MINIRAG_PARSE_HEADINGS = env.int("MINIRAG_PARSE_HEADINGS", default=20_000)

# --- zip archives of documents: files, bytes they may unfold to, and how much each may swell ----

MINIRAG_ARCHIVE_ENTRIES = env.int("MINIRAG_ARCHIVE_ENTRIES", default=2_000)
MINIRAG_ARCHIVE_BYTES = env.int("MINIRAG_ARCHIVE_BYTES", default=1024 * 1024 * 1024)
MINIRAG_ARCHIVE_RATIO = env.int("MINIRAG_ARCHIVE_RATIO", default=250)


# --- crawling and sitemaps ---------------------------------------------------------------------

# Pages of one sitemap or crawl source at most, and links from a crawl's first page to its last.
MINIRAG_CRAWL_MAX_PAGES = env.int("MINIRAG_CRAWL_MAX_PAGES", default=5_000)
MINIRAG_CRAWL_MAX_DEPTH = env.int("MINIRAG_CRAWL_MAX_DEPTH", default=10)
# Seconds between two requests to one host, and what its robots.txt may make of them at most.
MINIRAG_CRAWL_DELAY_SECONDS = env.float("MINIRAG_CRAWL_DELAY_SECONDS", default=0.25)
MINIRAG_CRAWL_MAX_DELAY_SECONDS = env.float("MINIRAG_CRAWL_MAX_DELAY_SECONDS", default=10.0)
# Links that are kept of one page.
MINIRAG_CRAWL_PAGE_LINKS = env.int("MINIRAG_CRAWL_PAGE_LINKS", default=1_000)
# One sitemap file unpacked, its addresses, and the files that an index may name, in all.
MINIRAG_SITEMAP_BYTES = env.int("MINIRAG_SITEMAP_BYTES", default=50 * 1024 * 1024)
MINIRAG_SITEMAP_URLS = env.int("MINIRAG_SITEMAP_URLS", default=50_000)
MINIRAG_SITEMAP_FILES = env.int("MINIRAG_SITEMAP_FILES", default=50)
