"""The server as one process: web in the main thread, worker and sweeper beside it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from chat import tasks as chat_tasks
from chat import turns
from ingestion import worker
from minirag import statistics, wiring
from minirag.asgi import application
from minirag.errors import MiniRAGError
from minirag.memory import share_heaps
from minirag.server import run_server
from minirag.server_lock import hold_server_lock

_SWITCH_SECONDS = 0.001
logger = logging.getLogger(__name__)


def require_migrated() -> None:
    """Refuse to serve from a database that is behind the code."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(
            "The database is behind this code: run `python manage.py migrate` first."
        )


def base_url(host: str, port: int) -> str:
    """The address as a person types it."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def serve(host: str, port: int, on_serving: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then end every part in order.

    With ``REDIS_URL`` this is one web process of several, and the workers are Celery's.
    """
    share_heaps()
    # Threads that compute give way to the event loop after 1 ms, not 5: it sends all the tokens.
    sys.setswitchinterval(_SWITCH_SECONDS)
    if not settings.PUBLIC_URL_IS_NAMED:
        # Links and origins then name the port that was asked for, not the usual one.
        settings.MINIRAG_PUBLIC_URL = base_url(host, port)
        settings.CSRF_TRUSTED_ORIGINS = [settings.MINIRAG_PUBLIC_URL]
    if not wiring.is_embedded():
        _web(host, port, on_serving)
        return
    try:
        with hold_server_lock(base_url(host, port)):
            wiring.vector_store()  # held by another process? Say so now, not at the first question
            worker.start()
            try:
                with chat_tasks.sweeping(), statistics.kept_fresh():
                    _web(host, port, on_serving)
            finally:
                worker.stop()
                wiring.close_store()
    except MiniRAGError as error:
        raise CommandError(error.message) from error


def _web(host: str, port: int, on_serving: Callable[[], None]) -> None:
    run_server(application, host=host, port=port, on_ready=on_serving, before_stop=turns.shutdown)
