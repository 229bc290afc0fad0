"""The server as one process: web in the main thread, worker and sweeper beside it."""

from __future__ import annotations

import atexit
import gc
import logging
import sys
import threading
from collections.abc import Callable

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q

from bots.models import BotProfile
from chat import tasks as chat_tasks
from chat import turns
from ingestion import worker
from minirag import providers, wiring
from minirag.asgi import application
from minirag.errors import MiniRAGError
from minirag.memory import large_bodies_forgotten, settle, share_heaps
from minirag.server import run_server
from minirag.server_lock import hold_server_lock
from tenants.models import Tenant
from tenants.scope import platform_scope

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
    # Looking for garbage in a million objects once more takes 1.7 s, and the process ends anyway.
    atexit.register(gc.freeze)
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
                with chat_tasks.sweeping():
                    _web(host, port, on_serving)
            finally:
                worker.stop()
                wiring.close_store()
    except MiniRAGError as error:
        raise CommandError(error.message) from error


def _import_in_good_time() -> None:
    """Import the providers' library now where somebody uses one: else the first chat waits for it.

    It is 3 s and 157 MB, which a server of local models never pays.
    """
    local = Q(model__startswith="local/") | Q(model__startswith="fake/")
    own = Q(embedding_model__startswith="local/") | Q(embedding_model__startswith="fake/")
    try:
        with platform_scope("whether any tenant uses a provider"):
            wanted = (
                BotProfile.objects.filter(is_active=True).exclude(local).exists()
                or Tenant.objects.exclude(own).exists()
            )
    except DatabaseError:
        logger.warning("the providers in use are not known yet", exc_info=True)
        return
    finally:
        connection.close()
    if wanted:
        providers.import_vendor()
        settle()


def _web(host: str, port: int, on_serving: Callable[[], None]) -> None:
    def ready() -> None:
        on_serving()
        threading.Thread(target=_import_in_good_time, name="imports", daemon=True).start()

    settle()
    with large_bodies_forgotten():
        run_server(
            application,
            host=host,
            port=port,
            on_ready=ready,
            last_words=turns.end_running,
            before_stop=turns.shutdown,
        )
