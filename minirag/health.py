"""Is the process alive, are its dependencies there, and what do the numbers say."""

from __future__ import annotations

import hmac
import logging
import math
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingestion.selectors import job_figures
from minirag import gates, wiring
from minirag.api.errors import error_response
from minirag.errors import MiniRAGError, Unauthenticated
from minirag.metrics import DEPENDENCY_UP, JOBS, OLDEST_QUEUED

logger = logging.getLogger(__name__)


@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.warning("readiness: database", exc_info=True)
        return "unreachable"
    return "ok"


def _store() -> str:
    try:
        wiring.vector_store().ping()
    except MiniRAGError as error:
        logger.warning("readiness: vector store", exc_info=True)
        return error.message
    return "ok"


def _redis() -> str:
    import redis  # noqa: PLC0415  # only where there is Redis

    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError:
        logger.warning("readiness: redis", exc_info=True)
        return "unreachable"
    finally:
        client.close()
    return "ok"


def _probes() -> dict[str, Callable[[], str]]:
    probes: dict[str, Callable[[], str]] = {"database": _database, "vector_store": _store}
    if settings.REDIS_URL:
        probes["redis"] = _redis
    return probes


@require_GET
def readyz(request: HttpRequest) -> JsonResponse:
    """Each dependency by name: 200 when all are ``ok``, else 503."""
    checks = {name: probe() for name, probe in _probes().items()} | gates.waiting()
    ready = all(state == "ok" for state in checks.values())
    response = JsonResponse(
        {"status": "ready" if ready else "waiting", "checks": checks}, status=200 if ready else 503
    )
    if not ready:
        response["Retry-After"] = "2"
        # A probe that is told to wait is no error: Django would log each as one.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _look() -> None:
    """Bring the figures up to date that nobody counts. Without a database there are no jobs'."""
    states = {name: probe() for name, probe in _probes().items()}
    for name, state in states.items():
        DEPENDENCY_UP.labels(name).set(state == "ok")
    JOBS.clear()
    if states["database"] != "ok":
        OLDEST_QUEUED.set(math.nan)
        return
    figures = job_figures()
    for state, count in figures.by_state.items():
        JOBS.labels(state).set(count)
    OLDEST_QUEUED.set(figures.oldest_queued_seconds)


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus figures, for the holder of ``MINIRAG_METRICS_TOKEN`` only."""
    expected = settings.MINIRAG_METRICS_TOKEN
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and bool(expected)
    if not is_bearer or not hmac.compare_digest(given.encode(), expected.encode()):
        return error_response(
            Unauthenticated("MINIRAG_METRICS_TOKEN is needed as Bearer."), request
        )
    _look()
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
