"""Options of a source: strict per type, merged on change, the password write-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from sources.models import Source
from sources.options import keys_of, password_of
from tenants.models import AuditEvent, Tenant
from tenants.scope import platform_scope, tenant_scope

URL = "https://example.com/docs"
CRAWL = {"name": "Site", "type": "crawl", "url": URL}


def post(client: Client, body: Any) -> Any:
    return client.post("/v1/sources", body, content_type="application/json")


def patch(client: Client, source: Any, body: Any) -> Any:
    path = f"/v1/sources/{source['id']}"
    return client.patch(path, body, content_type="application/json")


def test_options_are_shown_as_they_act(client_a: Client) -> None:
    source = post(client_a, {**CRAWL, "options": {"depth": 2, "include": ["/docs/*"]}}).json()
    assert source["options"] == {
        "include": ["/docs/*"], "exclude": [], "depth": 2, "max_pages": 500, "prune": True,
        "password_set": False,
    }  # fmt: skip
    assert (source["refresh"], source["next_refresh_at"]) == ("off", None)
    text = post(client_a, {"name": "T", "type": "text", "content": "x", "options": {}}).json()
    assert text["options"] == {}
    file = post(client_a, {"name": "F", "type": "file"}).json()
    assert file["options"] == {"prune": True, "password_set": False}


def test_a_change_is_laid_over_and_null_takes_back(client_a: Client) -> None:
    source = post(client_a, {**CRAWL, "options": {"depth": 2, "exclude": ["*.pdf"]}}).json()
    changed = patch(client_a, source, {"options": {"max_pages": 7, "depth": None}}).json()
    assert changed["options"]["depth"] == 3 and changed["options"]["max_pages"] == 7
    assert changed["options"]["exclude"] == ["*.pdf"]
    with platform_scope("tests"):
        assert Source.objects.get().options == {"exclude": ["*.pdf"], "max_pages": 7}


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("crawl", {"depht": 1}, "options.depht"),
        ("crawl", {"depth": "2"}, "options.depth"),
        ("crawl", {"depth": True}, "options.depth"),
        ("crawl", {"depth": -1}, "options.depth"),
        ("crawl", {"depth": 11}, "options.depth"),
        ("crawl", {"depth": 1.5}, "options.depth"),
        ("crawl", {"max_pages": 0}, "options.max_pages"),
        ("crawl", {"max_pages": 5001}, "options.max_pages"),
        ("crawl", {"include": "/docs/*"}, "options.include"),
        ("crawl", {"include": [1]}, "options.include"),
        ("crawl", {"include": [""]}, "options.include"),
        ("crawl", {"include": ["docs"]}, "options.include"),
        ("crawl", {"include": ["/a b"]}, "options.include"),
        ("crawl", {"include": ["/" + "a" * 200]}, "options.include"),
        ("crawl", {"include": ["/a"] * 51}, "options.include"),
        ("crawl", {"exclude": {"a": 1}}, "options.exclude"),
        ("crawl", {"prune": 1}, "options.prune"),
        ("crawl", {"other_sites": True}, "options.other_sites"),
        ("crawl", {"password": ""}, "options.password"),
        ("crawl", {"password": 5}, "options.password"),
        ("crawl", {"password": "x" * 201}, "options.password"),
        ("crawl", {"password_set": True}, "options.password_set"),
        ("sitemap", {"depth": 1}, "options.depth"),
        ("url", {"prune": False}, "options.prune"),
        ("url", {"include": []}, "options.include"),
    ],
)
def test_a_wrong_option_is_named(client_a: Client, kind: str, options: Any, field: str) -> None:
    answer = post(client_a, {**CRAWL, "type": kind, "options": options})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    source = post(client_a, {**CRAWL, "type": kind}).json()
    answer = patch(client_a, source, {"name": "Other", "options": options})
    assert answer.status_code == 400 and field in answer.json()["error"]["fields"]
    assert client_a.get(f"/v1/sources/{source['id']}").json() == source


def test_all_that_is_wrong_is_said_at_once(client_a: Client) -> None:
    wrong = {"name": "a\nb", "options": {"depth": "x", "prune": 1, "colour": "red"}}
    rules = {"refresh": "daily", "url": "https://example.com/", "content": "\x20"}
    options = {"options.depth", "options.prune", "options.colour"}
    for body, named in (
        ({**wrong, "stray": 1, "type": "text"}, {"name", "stray", *options}),
        ({**rules, "name": "x", "type": "text"}, set(rules)),
        (
            {**rules, "options": {"depth": 1}, "name": "x", "type": "file"},
            {*rules, "options.depth"},
        ),
    ):
        answer = post(client_a, body)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["fields"]) == named


def test_a_password_is_kept_sealed_and_never_read_back(client_a: Client, tenant: Tenant) -> None:
    source = post(client_a, {**CRAWL, "options": {"password": "open sesame"}}).json()
    assert source["options"]["password_set"] is True
    listed = client_a.get("/v1/sources").content.decode()
    assert "open sesame" not in listed + str(source)
    with tenant_scope(tenant.pk):
        row = Source.objects.get()
        assert password_of(row) == "open sesame" and row.options == {}
        assert "open sesame" not in str(AuditEvent.objects.values_list("detail", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets, options FROM sources_source")
        assert "sesame" not in str(cursor.fetchall())
    kept = patch(client_a, source, {"options": {"depth": 1}}).json()
    assert kept["options"]["password_set"] is True
    cleared = patch(client_a, source, {"options": {"password": None}}).json()
    assert cleared["options"]["password_set"] is False


@pytest.mark.parametrize("kind", ["url", "sitemap", "crawl"])
@pytest.mark.parametrize(("refresh", "hours"), [("hourly", 1), ("daily", 24), ("weekly", 168)])
def test_a_refresh_has_its_next_time(client_a: Client, kind: str, refresh: str, hours: int) -> None:
    source = post(client_a, {**CRAWL, "type": kind, "refresh": refresh}).json()
    due = datetime.fromisoformat(source["next_refresh_at"])
    left = (due - timezone.now()).total_seconds() / 3600 / hours
    assert 0.89 <= left <= 1.1 and source["refresh"] == refresh
    off = patch(client_a, source, {"refresh": "off"}).json()
    assert (off["refresh"], off["next_refresh_at"]) == ("off", None)


def test_addresses_are_judged_for_every_web_type(client_a: Client) -> None:
    for kind in ("url", "sitemap", "crawl"):
        for url in ("http://127.0.0.1/", "http://[64:ff9b::7f00:1]/", "http://169.254.169.254/"):
            answer = post(client_a, {"name": "x", "type": kind, "url": url})
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "address_refused")


def test_every_type_says_which_options_it_has() -> None:
    assert {kind: keys_of(kind) for kind in ("text", "url")} == {"text": (), "url": ("password",)}
