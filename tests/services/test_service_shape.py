"""N web, worker and beat on PostgreSQL, Redis and a Qdrant server: one system for its clients."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.api_client import Api
from tests.processes import wait_for
from tests.services.stack import CHATS_A_MINUTE, METRICS_TOKEN, Guest, Stack

KETTLE = "# Kettle\n\n## Warranty\n\nThe Aurora kettle has a warranty of three years.\n"
LAMP = "# Lamp\n\nThe Borealis lamp is switched on by its left button.\n"
# More than the second web has database connections.
_AT_ONCE = 8


@pytest.fixture(scope="module")
def guest(stack: Stack) -> Guest:
    """A tenant of this file."""
    return stack.new_tenant("Maple")


@pytest.fixture(scope="module")
def source_id(guest: Guest) -> str:
    """Two documents uploaded through web 1 and ingested by the worker."""
    api = guest.api(1)
    made = api.make_source("Handbook", {"kettle.md": KETTLE, "lamp.md": LAMP})
    job = api.finish(api.ingest(made))
    assert job["state"] == "succeeded", job
    return made


def test_a_question_asked_at_one_web_finds_what_another_took_in(
    guest: Guest, source_id: str
) -> None:
    found = guest.api(2).post("search", query="warranty of the kettle", source_ids=[source_id])
    assert "three years" in found["hits"][0]["text"]
    counts = guest.api(2).get(f"sources/{source_id}")["counts"]
    assert counts["documents"] == 2
    assert guest.stack.points(guest.tenant_id, [source_id]) == counts["chunks"]


def test_more_questions_at_once_than_database_connections(guest: Guest, source_id: str) -> None:
    """None of them may hold one while it waits for another: all would, until the pool gives up."""
    bot = guest.make_bot("openai/gpt-4o-mini", [source_id])
    api = guest.api(2)

    def ask(number: int) -> httpx.Response:
        question = f"How long is the warranty of kettle {number}?"
        return api.http.post("/v1/chat", json={"bot_profile_id": bot, "message": question})

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(ask, range(_AT_ONCE)))
    assert [answer.status_code for answer in answers] == [200] * _AT_ONCE, answers[-1].text


def test_uploads_are_shared(guest: Guest, source_id: str) -> None:
    documents = guest.api(2).all(f"sources/{source_id}/documents")
    kettle = next(one for one in documents if one["key"] == "kettle.md")
    answer = guest.api(2).http.get(f"/v1/documents/{kettle['id']}/file")
    assert answer.text == KETTLE


def test_a_streamed_answer_of_a_remote_provider(guest: Guest, source_id: str) -> None:
    bot = guest.make_bot("openai/gpt-4o-mini", [source_id])
    before = guest.meter.output_tokens
    events = list(guest.api(2).stream(bot, "How long is the warranty?"))
    names = [event.name for event in events]
    assert names[:2] == ["start", "retrieval"]
    assert names[-1] == "done", events[-1]
    text = "".join(event.data["text"] for event in events if event.name == "delta")
    assert text == events[-1].data["answer"]
    stored = guest.api(1).get(f"messages/{events[-1].data['message_id']}")
    assert (stored["status"], stored["content"]) == ("completed", text)
    charged = guest.meter.output_tokens - before
    assert stored["usage"]["output_tokens"] == charged > 0


def test_stop_at_one_web_ends_a_stream_of_another(guest: Guest, source_id: str) -> None:
    bot = guest.make_bot("openai/paced-2000-20", [source_id])
    begun = time.monotonic()
    events = []
    for event in guest.api(2).stream(bot, "Tell me everything about the kettle."):
        events.append(event)
        if [one.name for one in events].count("delta") == 5 and event.name == "delta":
            message = events[0].data["message_id"]
            guest.api(1).call("POST", f"messages/{message}/stop")
    assert events[-1].name == "done"
    assert events[-1].data["finish_reason"] == "stopped"
    assert time.monotonic() - begun < 10, "a whole answer takes forty seconds"


def test_a_revoked_token_is_refused_everywhere_within_a_second(stack: Stack, guest: Guest) -> None:
    made = guest.api(1).post("api-tokens", name="short-lived", scopes=["read"])
    there = Api(stack.ports[1], made["token"])
    assert there.get("tenants/me")["id"] == guest.tenant_id
    guest.api(1).call("DELETE", f"api-tokens/{made['id']}")
    revoked = time.monotonic()
    wait_for(
        "the other web refuses it",
        lambda: there.http.get("/v1/tenants/me").status_code == 401,
        seconds=1,
    )
    assert time.monotonic() - revoked < 1


def test_static_files_are_compressed_and_kept_for_good(stack: Stack) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports[0]}") as http:
        page = http.get("/").text
        path = next(part.split('"')[0] for part in page.split('href="') if ".css" in part[:200])
        with http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            raw = b"".join(answer.iter_raw())
    assert answer.status_code == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(gzip.decompress(raw)) > len(raw)


def test_forwarded_addresses_count_from_trusted_proxies_only(guest: Guest) -> None:
    """The second web trusts loopback as its proxy, the first trusts nobody."""
    for web, seen in ((1, "127.0.0.1"), (2, "203.0.113.9")):
        name = f"made at web {web}"
        made = guest.api(web).http.post(
            "/v1/api-tokens",
            json={"name": name, "scopes": ["read"]},
            headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"},
        )
        assert made.status_code == 201, made.text
        event = guest.api(1).get("audit-events", action="api_token.create")["results"][0]
        assert event["ip"] == seen


def test_metrics_need_their_token(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.ports[0]}/metrics"
    assert httpx.get(url).status_code == 401
    good = httpx.get(url, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert good.status_code == 200
    assert "process_cpu_seconds_total" in good.text


def test_limits_are_counted_together(stack: Stack, guest: Guest) -> None:
    """Over both webs at once, exactly as many questions pass as the limit says."""
    made = guest.api(1).post("api-tokens", name="counted", scopes=["chat"])
    clients = [Api(port, made["token"]) for port in stack.ports]
    body = {"bot_profile_id": str(uuid4()), "message": "Who counts?"}

    def one(place: int) -> int:
        return clients[place % 2].http.post("/v1/chat", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(one, range(CHATS_A_MINUTE + 20)))
    assert answers == {404: CHATS_A_MINUTE, 429: 20}


def test_readiness_names_what_is_away(stack: Stack, guest: Guest, source_id: str) -> None:
    url = f"http://127.0.0.1:{stack.ports[1]}/readyz"
    good = httpx.get(url)
    assert good.status_code == 200, good.text
    assert good.json()["checks"] == {"database": "ok", "vector_store": "ok", "redis": "ok"}
    assert stack.qdrant is not None
    stack.qdrant.kill_group()
    try:
        away = httpx.get(url, timeout=20)
        assert away.status_code == 503
        assert away.json()["checks"] | {"vector_store": ""} == {
            "database": "ok",
            "vector_store": "",
            "redis": "ok",
        }
        assert away.json()["checks"]["vector_store"] != "ok"
        body = {"query": "kettle", "source_ids": [source_id]}
        search = guest.api(1).http.post("/v1/search", json=body)
        assert search.status_code == 503
        assert search.json()["error"]["code"] == "retrieval_unavailable"
    finally:
        stack.start_qdrant()
    wait_for("ready again", lambda: httpx.get(url).status_code == 200)
    assert guest.api(2).post("search", query="kettle", source_ids=[source_id])["hits"]
