"""``/healthz``, ``/metrics``, ``/v1/docs``: what operators and readers come for."""

from __future__ import annotations

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


def test_metrics(settings: Any) -> None:
    settings.MINIRAG_METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200 and b"# HELP" in answer.content


def test_the_reference_answers_other_methods_like_the_api() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.head("/v1/docs").status_code == 200
    for method in ("post", "put", "delete", "options"):
        answer = getattr(client, method)("/v1/docs")
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
        assert answer["Allow"] == "GET, HEAD"
