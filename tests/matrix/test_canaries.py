"""The alarm itself: every text of B carries the canary, and a leak of any shape is seen."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import models

from minirag.api import limits
from tenants.scope import platform_scope
from tests.matrix.answers import check, code_of
from tests.matrix.bodies import send
from tests.matrix.document import operation
from tests.matrix.world import OURS, World

# Texts that are no words of a tenant's: choices apart, names of models, digests, machine words.
NO_WORDS = {
    "actor_id", "object_id", "object_type", "action", "actor_kind", "outcome", "request_id",
    "content_hash", "digest", "embedding_model", "finish_reason", "index_model", "invite_digest",
    "last_four", "mime_type", "model", "pending_upload", "prefix", "slug", "stage", "text_hash",
    "secrets", "upload", "widget_public_id", "worker", "embedding_credentials", "credentials",
    "embedded_hash", "set_aside",
}  # fmt: skip
BOOKKEEPING = {"IdempotencyRecord", "DailyWidgetCount", "TenantTurn"}
WORDS = [
    (model, field.attname)
    for model in apps.get_models()
    if model._meta.app_label in OURS and model.__name__ not in BOOKKEEPING
    for field in model._meta.concrete_fields
    if isinstance(field, models.CharField | models.TextField)
    and not field.choices
    and field.attname not in NO_WORDS
    and "tenant_id" in {one.attname for one in model._meta.concrete_fields}
]


@pytest.mark.parametrize(("model", "name"), WORDS, ids=lambda one: getattr(one, "__name__", one))
def test_every_text_of_b_is_marked(model: type[models.Model], name: str, world: World) -> None:
    with platform_scope("tests"):
        rows = model._base_manager.filter(tenant_id=world.b.tenant.pk)
        assert rows.filter(**{f"{name}__icontains": world.b.canary}).exists()


def test_a_leak_is_seen_in_every_shape(world: World) -> None:
    text = f"before {world.b.canary} after"
    for pad in ("", "x", "xx"):
        for shape in (text, quote(text), json.dumps(text), text.lower()):
            assert world.leaks((pad + shape).encode())
        assert world.leaks(base64.b64encode((pad + text).encode()))
        assert world.leaks(base64.urlsafe_b64encode((pad + text).encode()))
    assert not world.leaks(f"before {world.a.canary} after".encode())


def test_b_itself_reads_its_canary(world: World) -> None:
    call = operation("sources_retrieve")
    ids = {"source_id": world.b.live["source_id"]}
    assert world.leaks(send(world.clients["other full token"], call, ids, {}).content)


def test_too_many_requests_say_when_to_come_again(
    world: World, settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MINIRAG_RATE_API = 1  # type: ignore[attr-defined]
    counter = limits.MemoryCounter()
    monkeypatch.setattr(limits, "counter", lambda: counter)
    call = operation("sources_list")
    first, second = (send(world.clients["own full token"], call, {}, {}) for _ in range(2))
    assert first.status_code == 200 and '"api"' in first["RateLimit"]
    check(second, call, world)
    assert (second.status_code, code_of(second)) == (429, "rate_limited")
    assert '"api";r=0' in second["RateLimit"] and '"api";q=1;w=60' in second["RateLimit-Policy"]
