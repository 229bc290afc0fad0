"""IDEM: one effect, the same answer, and keys that belong to a tenant."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from minirag.errors import Conflict
from tenants import idempotency
from tenants.models import IdempotencyRecord, Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.api.urls_probe import Items
from tests.cast import client_for, token_of

JSON = "application/json"


def post(client: Client, body: Any, key: str = "k1") -> Any:
    return client.post("/v1/items", body, content_type=JSON, headers={"idempotency-key": key})


def test_a_repeat_gets_the_first_answer_without_its_secret(tenant: Tenant) -> None:
    client = client_for(token_of(tenant))
    first = post(client, '{"name": "a", "count": 1}')
    again = post(client_for(token_of(tenant)), '{ "count": 1, "name": "a" }')
    assert first.status_code == again.status_code == 201
    assert first.json() == {**again.json(), "secret": "once"} and "secret" not in again.json()
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert Items.runs == ["a"]
    with platform_scope("tests"):
        assert "once" not in str(list(IdempotencyRecord.objects.values()))


def test_another_body_is_a_mismatch(client_a: Client) -> None:
    post(client_a, {"name": "a"})
    other = post(client_a, {"name": "b"})
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_mismatch"
    assert post(client_a, {"name": "b"}, "k2").status_code == 201


def test_keys_belong_to_a_tenant(client_a: Client, client_b: Client) -> None:
    assert post(client_a, {"name": "a"}).json()["run"] == 1
    assert post(client_b, {"name": "b"}).json()["run"] == 2


def test_a_refused_request_frees_its_key(client_a: Client) -> None:
    assert post(client_a, {"name": 5}).status_code == 400
    assert post(client_a, {"name": "a"}).status_code == 201


def test_a_failure_is_kept_but_not_one_worth_repeating(client_a: Client) -> None:
    first, again = post(client_a, {"name": "broken"}), post(client_a, {"name": "broken"})
    assert first.status_code == again.status_code == 424
    assert first.json() == again.json() and Items.runs == ["broken"]
    away = post(client_a, {"name": "away"}, "k2")
    assert away.status_code == 503 and away["Retry-After"] == "7"
    post(client_a, {"name": "away"}, "k2")
    assert Items.runs == ["broken", "away", "away"]


@pytest.mark.parametrize("key", ["", "a" * 256, "caf\u00e9"])
def test_odd_keys_are_invalid(client_a: Client, key: str) -> None:
    answer = post(client_a, {"name": "a"}, key)
    assert answer.status_code == 400 and Items.runs == []


def test_after_a_day_the_key_is_new(client_a: Client) -> None:
    post(client_a, {"name": "a"})
    with platform_scope("tests"):
        IdempotencyRecord.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert post(client_a, {"name": "b"}).status_code == 201
    with platform_scope("tests"):
        IdempotencyRecord.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert idempotency.sweep_expired() == 1


def test_while_the_first_runs_and_after_it_died(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        run = idempotency.begin(tenant.pk, "k", "POST /x", "d")
        assert isinstance(run, idempotency.Run)
        with pytest.raises(Conflict):
            idempotency.begin(tenant.pk, "k", "POST /x", "d")
        IdempotencyRecord.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
        second = idempotency.begin(tenant.pk, "k", "POST /x", "d")
        assert isinstance(second, idempotency.Run)
        run.keep(200, {"late": True})  # the dead one comes back: its answer counts no more
        assert IdempotencyRecord.objects.get().status_code is None
        second.keep(201, {"ok": True})
        assert idempotency.begin(tenant.pk, "k", "POST /x", "d") == idempotency.Replay(
            201, {"ok": True}, None
        )


def test_a_stream_is_attached_to(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        run = idempotency.begin(tenant.pk, "k", "POST /chat", "d")
        assert isinstance(run, idempotency.Run)
        run.attach(tenant.pk)
        again = idempotency.begin(tenant.pk, "k", "POST /chat", "d")
        assert again == idempotency.Replay(200, None, tenant.pk)


@pytest.mark.django_db(transaction=True)
def test_parallel_repeats_have_one_effect() -> None:
    with platform_scope("tests"):
        tenant = Tenant.objects.create(name="Acorn", slug="acorn")
    raw, start = token_of(tenant), threading.Barrier(8)
    statuses: list[int] = []

    def one() -> None:
        client = client_for(raw)
        start.wait()
        try:
            statuses.append(post(client, {"name": "a"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Items.runs == ["a"]
    assert set(statuses) <= {201, 409} and len(statuses) == 8 and 201 in statuses
