"""The one module that reads the environment. A bad or missing value stops the start by its name.

``docs/settings.md`` documents every variable read here; a test compares the two.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from minirag.errors import ErrorCode

BASE_DIR = Path(__file__).resolve().parent.parent


class _NamedEnv(environ.Env):  # type: ignore[misc]  # has no types
    """Refuses a value that cannot be read with the name of its variable."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from error


env = _NamedEnv()

# --- where we are ------------------------------------------------------------------------------

MINIRAG_DATA_DIR = Path(env.str("MINIRAG_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
# `make demo` keeps its secrets here, so that a bare manage.py in the same folder finds its data.
# What the environment says already stands.
_env_file = MINIRAG_DATA_DIR / "env"
if _env_file.is_file():
    environ.Env.read_env(str(_env_file))

TESTING = "pytest" in sys.modules
MINIRAG_ENV = env.str("MINIRAG_ENV", default="production")
if MINIRAG_ENV not in ("production", "development"):
    raise ImproperlyConfigured("MINIRAG_ENV must be 'production' or 'development'.")
DEVELOPMENT = MINIRAG_ENV == "development"
DEBUG = env.bool("DEBUG", default=False)
if DEBUG and not DEVELOPMENT:
    raise ImproperlyConfigured("DEBUG must be off where MINIRAG_ENV is production.")


def _secret(name: str, *, least: int) -> str:
    """A secret from the environment, long enough and not one that everybody knows."""
    value = str(env.str(name, default=""))
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. See docs/settings.md.")
    if len(value) < least or len(set(value)) < 8 or "insecure" in value or "change" in value:
        raise ImproperlyConfigured(
            f"{name} is too short or a known default: {least}+ random characters."
        )
    return value


SECRET_KEY = _secret("SECRET_KEY", least=40)
# Masters for credentials at rest, newest first: 32 random bytes each, URL-safe base64.
MINIRAG_ENCRYPTION_KEYS: list[str] = env.list("MINIRAG_ENCRYPTION_KEYS", default=[])

_hosts: list[str] = env.list("ALLOWED_HOSTS", default=[])
if not DEVELOPMENT and (not _hosts or "*" in _hosts):
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts (not '*') in production.")
# Health probes come from the machine itself, by its own name.
ALLOWED_HOSTS = [*_hosts, "127.0.0.1", "localhost", "[::1]"]
MINIRAG_PUBLIC_URL = env.str("MINIRAG_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# Where nobody names it, the server's own address stands in (minirag.embedded).
PUBLIC_URL_IS_NAMED = bool(env.str("MINIRAG_PUBLIC_URL", default=""))
MINIRAG_TRUSTED_PROXIES: list[str] = env.list("MINIRAG_TRUSTED_PROXIES", default=[])
CSRF_TRUSTED_ORIGINS = [MINIRAG_PUBLIC_URL]

# --- apps and middleware -----------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "minirag.apps.AdminConfig",
    "rest_framework",
    "drf_spectacular",
    "axes",
    "channels",
    "minirag.apps.MiniRAGConfig",
    "tenants",
    "sources",
    "usage",
    "bots",
    "ingestion",
    "chat",
]

MIDDLEWARE = [
    "minirag.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "minirag.statics.StaticFilesMiddleware",
    "minirag.middleware.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tenants.middleware.ScopeGuardMiddleware",
]

ROOT_URLCONF = "minirag.urls"
ASGI_APPLICATION = "minirag.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database ----------------------------------------------------------------------------------

_database: dict[str, Any] = env.db_url(
    "DATABASE_URL", default=f"sqlite:///{MINIRAG_DATA_DIR / 'minirag.sqlite3'}"
)
if _database["ENGINE"].endswith("sqlite3"):
    try:
        MINIRAG_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"MINIRAG_DATA_DIR cannot be made: {error}") from error
    # IMMEDIATE takes the write lock at BEGIN: no upgrade deadlocks (0 of 480 lock errors measured).
    _database["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        ),
    }
    # Tests use a real file: threads sharing one in memory meet locks that no timeout heals.
    # One per run, so that two runs at once do not meet in it.
    _database["TEST"] = {"NAME": str(MINIRAG_DATA_DIR / f"test-{os.getpid()}.sqlite3")}
else:
    # Connections go back to the pool after each piece of database work, not after each request.
    _database["CONN_MAX_AGE"] = 0
    _database["OPTIONS"] = {
        "pool": {
            "min_size": 1,
            "max_size": env.int("MINIRAG_DB_POOL", default=10),
            "timeout": 10,
        }
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the two shapes of running (decided in minirag.wiring, nowhere else) -----------------------

REDIS_URL = env.str("REDIS_URL", default="")
QDRANT_URL = env.str("QDRANT_URL", default="")
QDRANT_API_KEY = env.str("QDRANT_API_KEY", default="")
# Seconds that one connect, write or read of the Qdrant server may take.
MINIRAG_QDRANT_TIMEOUT = env.int("MINIRAG_QDRANT_TIMEOUT", default=10)

# --- celery ------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600} if REDIS_URL else {}
CELERY_TASK_SOFT_TIME_LIMIT = 1500
CELERY_TASK_TIME_LIMIT = 1800
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- people ------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = env.int("MINIRAG_LOGIN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "tenants.lockout.username_of"
AXES_LOCKOUT_CALLABLE = "tenants.lockout.locked_out"
SILENCED_SYSTEM_CHECKS = [
    # axes' middleware only words the refusal, which our error handler and the login form do.
    "axes.W002",
    # Our SecurityHeadersMiddleware sets X-Frame-Options, and CSP frame-ancestors with it.
    "security.W002",
    # The proxy in front redirects to https, and whether subdomains follow is its owner's choice.
    "security.W005",
    "security.W008",
    "security.W021",
]
LOGIN_URL = "/console/login/"
LOGIN_REDIRECT_URL = "/console/"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
_https = MINIRAG_PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = False  # the proxy in front does it; health checks come in plain
SECURE_HSTS_SECONDS = 31536000 if _https else 0
# The header of anybody but a trusted proxy is dropped by RequestContextMiddleware.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_FAILURE_VIEW = "minirag.api.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

JWT_ACCESS_MINUTES = 15
JWT_REFRESH_DAYS = 7
MINIRAG_BOOTSTRAP_TOKEN = env.str("MINIRAG_BOOTSTRAP_TOKEN", default="")
MINIRAG_OPEN_SIGNUP = env.bool("MINIRAG_OPEN_SIGNUP", default=False)
MINIRAG_METRICS_TOKEN = env.str("MINIRAG_METRICS_TOKEN", default="")

# --- API ---------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.BearerAuthentication",
        "tenants.authentication.TenantSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "minirag.api.renderers.BrowsableRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "minirag.api.parsers.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "minirag.api.openapi.Schema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "minirag.api.renderers.Negotiation",
    "EXCEPTION_HANDLER": "minirag.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MiniRAG",
    "DESCRIPTION": "Multi-tenant retrieval-augmented answers with citations that hold.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/v1",
    # Choices of fields that share a name, each under a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "DocumentStatusEnum": "sources.models.DocumentStatus",
        "ErrorCodeEnum": [code.value for code in ErrorCode],
        "MembershipStatusEnum": ["active", "invited"],
        "RoleEnum": "tenants.models.Role",
        "ScopeEnum": "tenants.models.TokenScope",
        "SourceTypeEnum": "sources.models.SourceType",
        "UsageKindEnum": "usage.models.UsageKind",
        "WidgetThemeEnum": "bots.models.WidgetTheme",
    },
}

# --- limits: every one has a name --------------------------------------------------------------

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
DATA_UPLOAD_MAX_MEMORY_SIZE = MINIRAG_MAX_BODY_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 100

# --- chat --------------------------------------------------------------------------------------

# Threads for the database work of chats, and for searches (which may wait for a remote embedder).
MINIRAG_CHAT_DB_THREADS = env.int("MINIRAG_CHAT_DB_THREADS", default=8)
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

# --- egress ------------------------------------------------------------------------------------

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

# --- parsing: what one document may cost its child process -------------------------------------

MINIRAG_PARSE_MEMORY_MB = env.int("MINIRAG_PARSE_MEMORY_MB", default=768)
MINIRAG_PARSE_CPU_SECONDS = env.int("MINIRAG_PARSE_CPU_SECONDS", default=60)
MINIRAG_PARSE_SECONDS = env.int("MINIRAG_PARSE_SECONDS", default=120)
# The child's whole answer: text with its structure, as JSON.
MINIRAG_PARSE_OUTPUT_BYTES = env.int("MINIRAG_PARSE_OUTPUT_BYTES", default=64 * 1024 * 1024)
# What a zip container (DOCX) may unfold to, and its number of entries.
MINIRAG_PARSE_INFLATED_BYTES = env.int("MINIRAG_PARSE_INFLATED_BYTES", default=256 * 1024 * 1024)
MINIRAG_PARSE_ENTRIES = env.int("MINIRAG_PARSE_ENTRIES", default=10_000)

# --- files -------------------------------------------------------------------------------------

STATIC_URL = "/static/"
_static_root = env.str(
    "MINIRAG_STATIC_ROOT", default="" if DEVELOPMENT else str(BASE_DIR / "staticfiles")
)
# None: served straight from the tree, nothing to collect.
STATIC_ROOT = Path(_static_root) if _static_root else None
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = DEVELOPMENT
WHITENOISE_AUTOREFRESH = False
MEDIA_ROOT = MINIRAG_DATA_DIR / "uploads"
MEDIA_URL = ""
_s3_bucket = env.str("MINIRAG_S3_BUCKET", default="")
STORAGES: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": _s3_bucket,
                "endpoint_url": env.str("MINIRAG_S3_ENDPOINT", default="") or None,
                "access_key": env.str("MINIRAG_S3_ACCESS_KEY", default="") or None,
                "secret_key": env.str("MINIRAG_S3_SECRET_KEY", default="") or None,
                "file_overwrite": True,
                "default_acl": None,
            },
        }
        if _s3_bucket
        else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    ),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- language, time, log -----------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("MINIRAG_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        # A line per wake-up says nothing; what a job did stands in its row.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "LiteLLM": {"level": "ERROR"},
    },
}
