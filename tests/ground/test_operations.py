"""``/healthz``, ``/metrics``, ``/v1/docs``: what operators and readers come for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

TOKEN = "metrics-0123456789-abcdefghijklmnop"


@pytest.mark.parametrize(
    "header", [None, "", TOKEN, "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", "Bearer é"]
)
def test_metrics_need_their_token_as_bearer(settings: Any, header: str | None) -> None:
    for configured in (TOKEN, ""):
        settings.MINIRAG_METRICS_TOKEN = configured
        headers = {} if header is None else {"Authorization": header}
        answer = Client().get("/metrics", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthenticated"
        assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
def test_metrics(settings: Any) -> None:
    settings.MINIRAG_METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200 and b"# HELP" in answer.content


@pytest.mark.django_db
def test_what_an_on_call_person_reads(settings: Any) -> None:
    settings.MINIRAG_METRICS_TOKEN = TOKEN
    client = Client()
    client.get("/v1/sources/0b0e4c3a-0000-4000-8000-000000000000")
    client.generic("STRANGE", "/v1/made/up/by/a/stranger")
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    for line in (
        r'minirag_http_requests_total{method="GET",route="/v1/sources/<[^"]+",status="401"} [1-9]',
        r'minirag_http_request_seconds_bucket{le="[^"]+",method="GET",route="/v1/sources/<',
        r'minirag_http_requests_total{method="other",route="[^"]+",status="404"} ',
        r'minirag_jobs{state="queued"} 0.0',
        r"minirag_oldest_queued_job_seconds 0.0",
        r'minirag_dependency_up{name="database"} 1.0',
        r'minirag_dependency_up{name="vector_store"} [01].0',
        "# TYPE minirag_chat_turns_total counter",
        "# TYPE minirag_chat_first_token_seconds histogram",
        "# TYPE minirag_provider_calls_total counter",
    ):
        assert re.search(line, text), line
    assert "stranger" not in text and "0b0e4c3a" not in text


def test_the_reference_answers_other_methods_like_the_api() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.head("/v1/docs").status_code == 200
    for method in ("post", "put", "delete", "options"):
        answer = getattr(client, method)("/v1/docs")
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
        assert answer["Allow"] == "GET, HEAD"
