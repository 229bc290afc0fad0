"""Where rows, wake-ups, vectors and files live: one process, or several on services."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from minirag.settings.environment import BASE_DIR, DEVELOPMENT, MINIRAG_DATA_DIR, env

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
    # No pool to give back to: threads keep theirs, since opening one costs 1 to 2 ms.
    _database["CONN_MAX_AGE"] = None
    # Tests use a real file: threads sharing one in memory meet locks that no timeout heals.
    # One per run, so that two runs at once do not meet in it.
    _database["TEST"] = {"NAME": str(MINIRAG_DATA_DIR / f"test-{os.getpid()}.sqlite3")}
else:
    # Connections go back to the pool after each piece of database work, not after each request.
    _database["CONN_MAX_AGE"] = 0
    # The pool keeps connections that a restarted server has cut: one is tried before it is used.
    _database["CONN_HEALTH_CHECKS"] = True
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
CELERY_BROKER_TRANSPORT = None if REDIS_URL else "minirag.broker:Transport"
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
