"""What a bot refuses, by the field's name, and the origins a widget may stand on."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from tests.bots.test_bot_api import created, patch, post

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\x00"}, "name"),
    ({"slug": "Not A Slug"}, "slug"),
    ({"slug": ""}, "slug"),
    ({"slug": "-a"}, "slug"),
    ({"slug": "a" * 81}, "slug"),
    ({"slug": None}, "slug"),
    ({"model": ""}, "model"),
    ({"model": None}, "model"),
    ({"model": "local/nothing"}, "model"),
    ({"model": "nobody/knows"}, "model"),
    ({"model": "bedrock/claude"}, "model"),
    ({"model": 7}, "model"),
    ({"model": "x" * 300}, "model"),
    ({"system_prompt": "x" * 20_001}, "system_prompt"),
    ({"system_prompt": None}, "system_prompt"),
    ({"system_prompt": 5}, "system_prompt"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": "1"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"temperature": 10**400}, "temperature"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"max_output_tokens": 1_000_001}, "max_output_tokens"),
    ({"max_output_tokens": 1.5}, "max_output_tokens"),
    ({"max_output_tokens": 2**70}, "max_output_tokens"),
    ({"source_ids": None}, "source_ids"),
    ({"source_ids": "x"}, "source_ids"),
    ({"source_ids": ["x"]}, "source_ids"),
    ({"source_ids": [5]}, "source_ids"),
    ({"source_ids": [None]}, "source_ids"),
    ({"source_ids": [str(uuid4())]}, "source_ids"),
    ({"top_k": 0}, "top_k"),
    ({"top_k": 51}, "top_k"),
    ({"top_k": None}, "top_k"),
    ({"score_threshold": 1.01}, "score_threshold"),
    ({"query_rewrite": "sometimes"}, "query_rewrite"),
    ({"query_rewrite": None}, "query_rewrite"),
    ({"refusal_message": ""}, "refusal_message"),
    ({"refusal_message": "x" * 2_001}, "refusal_message"),
    ({"welcome_message": "x" * 2_001}, "welcome_message"),
    ({"suggested_questions": "x"}, "suggested_questions"),
    ({"suggested_questions": [1]}, "suggested_questions"),
    ({"suggested_questions": ["x"] * 21}, "suggested_questions"),
    ({"suggested_questions": ["x" * 301]}, "suggested_questions"),
    ({"suggested_questions": ["a\x00"]}, "suggested_questions"),
    ({"widget": None}, "widget"),
    ({"widget": []}, "widget"),
    ({"widget": {"public_id": "bot_x"}}, "widget.public_id"),
    ({"widget": {"identity_secret": "x"}}, "widget.identity_secret"),
    ({"widget": {"enabled": "yes"}}, "widget.enabled"),
    ({"widget": {"theme": "pink"}}, "widget.theme"),
    ({"widget": {"daily_message_limit": -1}}, "widget.daily_message_limit"),
    ({"widget": {"daily_message_limit": 2**40}}, "widget.daily_message_limit"),
    ({"is_active": 1}, "is_active"),
    ({"is_active": None}, "is_active"),
    ({"credentials": []}, "credentials"),
    ({"credentials": "sk-1"}, "credentials"),
    ({"fallback_model": "x"}, "fallback_model"),
    ({"rerank_model": "x"}, "rerank_model"),
    ({"filter": {}}, "filter"),
    ({"credentials_set": True}, "credentials_set"),
    ({"widget_public_id": "x"}, "widget_public_id"),
    ({"tenant_id": str(uuid4())}, "tenant_id"),
    ({"id": str(uuid4())}, "id"),
]


@pytest.mark.parametrize(("values", "field"), WRONG)
def test_wrong_input_is_refused_by_name_and_changes_nothing(
    client_a: Client, values: dict[str, Any], field: str
) -> None:
    kept = created(client_a)
    for answer in (
        post(client_a, {"name": "Other", **values}),
        patch(client_a, kept["id"], values),
    ):
        assert answer.status_code == 400, answer.content
        assert answer.json()["error"]["code"] == "invalid"
        assert field in answer.json()["error"]["fields"]
    assert client_a.get("/v1/bot-profiles").json()["results"] == [kept]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("HTTPS://WWW.Example.COM", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_kept_as_a_browser_writes_it(
    client_a: Client, given: str, stored: str
) -> None:
    bot = created(client_a, widget={"allowed_origins": [given, given]})
    assert bot["widget"]["allowed_origins"] == [stored]


@pytest.mark.parametrize(
    "origin",
    [
        "*", "null", "", "example.com", "https://*", "https://*.example.com", "https://a.example/",
        "https://a.example/x", "https://a.example?x", "https://a.example#x", "https://u@a.example",
        "ftp://a.example", "file:///x", "https://", "https://a.example:0", "https://a.example:99999",
        "https://a.example:x", "https://a b.example", "javascript:alert(1)", "https://a.example\\x",
        "https://a.example, https://b.example",
        "https://a.example;", "https://'self'", "//a.example",
    ],
)  # fmt: skip
def test_what_is_no_exact_origin_is_refused(client_a: Client, origin: str) -> None:
    answer = post(client_a, {"name": "x", "widget": {"allowed_origins": [origin]}})
    assert answer.status_code == 400, origin
    assert any(name.startswith("widget") for name in answer.json()["error"]["fields"])


def test_all_that_is_wrong_is_said_at_once(client_a: Client) -> None:
    """What a field's form says, and what only the rules for its value say."""
    widget = {"allowed_origins": ["nowhere"], "daily_message_limit": 2**40, "enabled": 1}
    wrong: dict[str, Any] = {
        "name": "a\nb",
        "slug": "Not A Slug",
        "model": "nobody/knows",
        "top_k": 99,
        "source_ids": ["x"],
        "colour": "red",
    }
    named = {*wrong, *(f"widget.{name}" for name in widget)}
    bot = created(client_a)["id"]
    for answer in (
        post(client_a, {**wrong, "widget": widget}),
        patch(client_a, bot, {**wrong, "widget": widget}),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["fields"].keys() == named
    # What needs the tenant's rows, or another field.
    wrong = {"source_ids": [str(uuid4())], "credentials": {"colour": "red"}}
    assert patch(client_a, bot, wrong).json()["error"]["fields"].keys() == wrong.keys()
