"""The ledger over HTTP: sums, rows, CSV; decimal strings outside."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import client_for, token_of
from usage import export
from usage.models import UsageEvent

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
BOT = uuid4()


def event(tenant: Tenant, at: datetime = NOON, **values: Any) -> UsageEvent:
    values = {
        "kind": "generation",
        "model": "gpt-4o-mini",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_nano": 4_500,
        "status": "settled",
        **values,
    }
    with tenant_scope(tenant.pk):
        row: UsageEvent = UsageEvent.objects.create(tenant=tenant, **values)
        UsageEvent.objects.filter(pk=row.pk).update(created_at=at)
        row.refresh_from_db()
    return row


def sums(client: Client, query: str) -> dict[str, Any]:
    answer = client.get(f"/v1/usage?{query}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_sums_by_day_bot_model_and_kind(client_a: Client, tenant: Tenant) -> None:
    event(tenant, bot_profile_id=BOT)
    event(
        tenant, NOON + timedelta(days=1), kind="embedding", model="local/minilm-l6-v2", cost_nano=0
    )
    event(tenant, estimated=True)
    period = "from=2026-03-14&to=2026-03-15"
    days = sums(client_a, f"{period}&group_by=day")["results"]
    assert [(row["day"], row["calls"], row["cost_usd"]) for row in days] == [
        ("2026-03-14", 2, "0.000009"),
        ("2026-03-15", 1, "0"),
    ]
    assert [row["estimated"] for row in days] == [True, False]
    bots = sums(client_a, f"{period}&group_by=bot_profile")["results"]
    assert {row["bot_profile_id"]: row["calls"] for row in bots} == {str(BOT): 1, None: 2}
    models = sums(client_a, f"{period}&group_by=model")["results"]
    assert [row["model"] for row in models] == ["gpt-4o-mini", "local/minilm-l6-v2"]
    kinds = sums(client_a, f"{period}&group_by=kind")
    assert [(row["kind"], row["input_tokens"]) for row in kinds["results"]] == [
        ("embedding", 10),
        ("generation", 20),
    ]
    assert kinds["total"]["calls"] == 3 and kinds["total"]["output_tokens"] == 15


def test_an_unknown_price_makes_the_sum_unknown_and_the_known_part_is_told(
    client_a: Client, tenant: Tenant
) -> None:
    event(tenant)
    event(tenant, cost_nano=None)
    total = sums(client_a, "from=2026-03-14&to=2026-03-14")["total"]
    assert (total["cost_usd"], total["known_cost_usd"]) == (None, "0.0000045")


def test_reserved_and_released_calls_are_not_in_the_sums(client_a: Client, tenant: Tenant) -> None:
    event(tenant, status="reserved")
    event(tenant, status="released")
    assert sums(client_a, "from=2026-03-14")["total"]["calls"] == 0


def test_without_a_start_the_last_thirty_days_are_summed(client_a: Client, tenant: Tenant) -> None:
    event(tenant, datetime.now(UTC) - timedelta(days=40))
    event(tenant, datetime.now(UTC) - timedelta(days=3))
    assert sums(client_a, "")["total"]["calls"] == 1
    assert sums(client_a, "")["group_by"] == "day"


@pytest.mark.parametrize(
    ("bounds", "calls"),
    [
        ("from=2026-03-14T12:00:00Z&to=2026-03-14T12:00:01Z", 1),
        ("from=2026-03-14T12:00:01Z&to=2026-03-15", 0),
        ("from=2026-03-01&to=2026-03-14T12:00:00Z", 0),
        ("from=2026-03-14T13:00:00%2B01:00&to=2026-03-15", 1),
        ("from=2026-03-14&to=2026-03-14", 1),
        ("to=2026-03-13", 0),
        ("to=2026-03-20", 1),
    ],
)
def test_the_start_is_in_the_period_and_the_end_is_not(
    client_a: Client, tenant: Tenant, bounds: str, calls: int
) -> None:
    event(tenant)
    assert sums(client_a, bounds)["total"]["calls"] == calls


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("group_by=year", "group_by"),
        ("from=yesterday", "from"),
        ("from=2026-13-01", "from"),
        ("from=2026-02-30", "from"),
        ("from=20260301", "from"),
        ("from=2026-W10-1", "from"),
        ("from=2026-3-1", "from"),
        ("from=%D9%A2026-03-01", "from"),
        ("to=10000-01-01", "to"),
        ("from=2026-03-14&to=2026-03-13", "to"),
        ("from=2026-03-14&from=2026-03-15", "from"),
        ("limit=5", "limit"),
        ("format=csv", "format"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_a_wrong_query_is_refused_by_name(client_a: Client, query: str, field: str) -> None:
    answer = client_a.get(f"/v1/usage?{query}")
    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]


def test_the_last_day_that_there_is(client_a: Client, tenant: Tenant) -> None:
    event(tenant)
    assert sums(client_a, "from=2026-01-01&to=9999-12-31")["total"]["calls"] == 1
    for path in ("/v1/usage", "/v1/usage/events", "/v1/audit-events"):
        assert client_a.get(f"{path}?to=9999-12-31").status_code == 200


def test_rows_are_listed_newest_first_and_filtered(client_a: Client, tenant: Tenant) -> None:
    old = event(tenant, bot_profile_id=BOT, cost_nano=None)
    new = event(tenant, NOON + timedelta(hours=1), kind="embedding", model="m", message_id=uuid4())
    rows = client_a.get("/v1/usage/events").json()["results"]
    assert [row["id"] for row in rows] == [str(new.pk), str(old.pk)]
    assert rows[1]["cost_usd"] is None and rows[0]["cost_usd"] == "0.0000045"
    assert rows[0]["message_id"] == str(new.message_id)
    assert rows[0].keys() == set(export._COLUMNS)
    for query in (
        f"bot_profile_id={BOT}",
        "kind=generation",
        "model=gpt-4o-mini",
        "to=2026-03-14T12:30:00Z",
    ):
        found = client_a.get(f"/v1/usage/events?{query}").json()["results"]
        assert [row["id"] for row in found] == [str(old.pk)], query
    first = client_a.get("/v1/usage/events?limit=1").json()
    second = client_a.get(first["next"]).json()
    assert [row["id"] for row in second["results"]] == [str(old.pk)]


@pytest.mark.parametrize(
    "query",
    [
        "kind=nothing",
        "bot_profile_id=7",
        "limit=0",
        "limit=201",
        "limit=%2B1",
        "limit=1_0",
        "limit=1.0",
        "limit=%D9%A3",
        "limit=%201",
        "cursor=x",
        "format=xml",
        "x=1",
    ],
)
def test_a_wrong_filter_is_refused(client_a: Client, query: str) -> None:
    answer = client_a.get(f"/v1/usage/events?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_csv_has_no_pages(client_a: Client) -> None:
    cursor = "cursor=WzFd:1abc:x"
    for query, named in (("limit=1", ["limit"]), (f"limit=1&{cursor}", ["cursor", "limit"])):
        answer = client_a.get(f"/v1/usage/events?format=csv&{query}")
        assert answer.status_code == 400
        assert sorted(answer.json()["error"]["fields"]) == named


def test_another_tenants_calls_are_nowhere(
    client_a: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    event(other_tenant, bot_profile_id=BOT)
    assert client_a.get("/v1/usage/events").json()["results"] == []
    assert sums(client_a, "from=2026-01-01")["total"]["calls"] == 0
    assert client_a.get(f"/v1/usage/events?bot_profile_id={BOT}").json()["results"] == []


def test_reading_usage_needs_read(tenant: Tenant) -> None:
    chatter = client_for(token_of(tenant, ["chat"]))
    for path in ("/v1/usage", "/v1/usage/events", "/v1/usage/events?format=csv"):
        assert chatter.get(path).status_code == 403
        assert Client().get(path).status_code == 401


def test_lists_and_sums_cost_the_same_queries_however_many_rows(
    client_a: Client, tenant: Tenant
) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client_a.get(path).status_code == 200
        return len(seen)

    paths = ("/v1/usage?from=2026-01-01&group_by=model", "/v1/usage/events")
    event(tenant)
    client_a.get(paths[0])  # the first use of a token is written down
    one = [queries(path) for path in paths]
    for number in range(10):
        event(tenant, model=f"m{number}")
    assert [queries(path) for path in paths] == one


@pytest.mark.django_db(transaction=True)
async def test_csv_streams_every_row_and_no_formula(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_BATCH", 3)
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "|calc", 'a"b,c', "gpt-4o-mini"]

    def prepare() -> str:
        for model in evil:
            event(tenant, model=model, cost_nano=None)
        return token_of(tenant)

    token = await sync_to_async(prepare)()
    answer: Any = await AsyncClient().get(
        "/v1/usage/events?format=csv", headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    assert answer["Content-Disposition"].startswith("attachment")
    pieces = [piece.decode() async for piece in answer.streaming_content]
    assert len(pieces) == 4
    header, *rows = csv.reader(io.StringIO("".join(pieces)))
    assert header == list(export._COLUMNS)
    models = {row[header.index("model")] for row in rows}
    assert models == {*(f"'{text}" for text in evil[:6]), 'a"b,c', "gpt-4o-mini"}
    assert {row[header.index("cost_usd")] for row in rows} == {""}
