"""The figures behind ``/metrics``: what is counted, under which labels. No tenant is ever one.

Each process counts its own. What is read from the database (jobs) is the same in all of them.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Strangers choose paths and methods: what no route knows is one series, not one each.
UNKNOWN = "(none)"
# Refused by the server itself, before there was a request to route.
EDGE = "(edge)"

REQUESTS = Counter(
    "minirag_http_requests", "HTTP requests answered.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "minirag_http_request_seconds",
    "Time to an HTTP answer; of a stream, to its beginning.",
    ["method", "route"],
    buckets=_SECONDS,
)
TURNS = Counter("minirag_chat_turns", "Answers that ended, by how.", ["outcome"])
FIRST_TOKEN_SECONDS = Histogram(
    "minirag_chat_first_token_seconds",
    "Time from a question to the first piece of its answer.",
    buckets=(*_SECONDS, 60),
)
PROVIDER_CALLS = Counter(
    "minirag_provider_calls",
    "Calls of models, by kind; released ones failed before they cost anything.",
    ["kind", "outcome"],
)
JOBS = Gauge("minirag_jobs", "Jobs in the database, by state; 10000 stands for more.", ["state"])
OLDEST_QUEUED = Gauge(
    "minirag_oldest_queued_job_seconds", "Age of the oldest queued job; 0 where none is."
)
DEPENDENCY_UP = Gauge("minirag_dependency_up", "1 where it could be reached just now.", ["name"])


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """One answered request; ``route`` is a template, never a path."""
    method = method if method in _METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    REQUEST_SECONDS.labels(method, route).observe(seconds)


def count_refusal(status: int) -> None:
    """One request that the server refused before it was routed."""
    REQUESTS.labels("other", EDGE, str(status)).inc()
