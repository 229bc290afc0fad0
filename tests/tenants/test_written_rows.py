"""A row goes to the tenant whose scope is open, by every way of writing, or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from sources.models import Chunk, Document, Source, SourceType
from tenants import bulk
from tenants.bulk import upsert
from tenants.models import Tenant
from tenants.scope import ScopeError, platform_scope, tenant_scope

WRITERS: dict[str, Callable[[Source], Any]] = {
    "save": lambda row: row.save(),
    "create": lambda row: Source.objects.create(tenant_id=row.tenant_id, name="N"),
    "bulk_create": lambda row: Source.objects.bulk_create([row]),
    "upsert": lambda row: upsert(Source, [vars(row)], ["name"]),
}


def a_source(**owner: Any) -> Source:
    return Source(name="N", type=SourceType.TEXT, content="c", **owner)


@pytest.mark.parametrize("writer", WRITERS)
def test_another_tenants_row_is_refused(tenant: Tenant, other_tenant: Tenant, writer: str) -> None:
    with tenant_scope(tenant.pk), pytest.raises(ScopeError):
        WRITERS[writer](a_source(tenant_id=other_tenant.pk))
    with platform_scope("tests"):
        assert not Source.objects.exists()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_row_of_nobody_becomes_the_scopes_own(tenant: Tenant, writer: str) -> None:
    with tenant_scope(tenant.pk):
        WRITERS[writer](a_source())
        assert Source.objects.get().tenant_id == tenant.pk


@pytest.mark.parametrize("writer", WRITERS)
def test_without_a_scope_nothing_is_written(tenant: Tenant, writer: str) -> None:
    with pytest.raises(ScopeError):
        WRITERS[writer](a_source(tenant_id=tenant.pk))


def test_an_existing_row_is_not_handed_over(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        row = a_source()
        row.save()
        row.tenant_id = other_tenant.pk
        with pytest.raises(ScopeError):
            row.save()
        assert Source.objects.get().tenant_id == tenant.pk


HALVES = ["embedded", pytest.param("service", marks=pytest.mark.services)]
DRIVERS = {"embedded": "sqlite", "service": "postgresql"}


@pytest.mark.parametrize("half", HALVES)
def test_a_row_of_another_tenant_with_the_same_id_stays(
    tenant: Tenant, other_tenant: Tenant, half: str
) -> None:
    assert connection.vendor == DRIVERS[half]
    with tenant_scope(tenant.pk):
        row = a_source()
        row.save()
    with tenant_scope(other_tenant.pk):
        stolen = a_source(id=row.pk)
        stolen.name = "Stolen"
        upsert(Source, [vars(stolen)], ["name"])
    with platform_scope("tests"):
        kept = Source.objects.get(pk=row.pk)
        assert (kept.name, kept.tenant_id) == ("N", tenant.pk)


# What a driver's own writing could mistake for its signs.
ODD = ["plain", "", "NULL", "{a,b}", 'say "no"', "C:\\temp\\", "it's", "a,b\n\tc", "%s %%", "🐍"]


@pytest.mark.parametrize("half", HALVES)
def test_values_arrive_as_saving_each_row_would_write_them(
    tenant: Tenant, half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection.vendor == DRIVERS[half]
    monkeypatch.setattr(bulk, "_MOST_ROWS", 3)
    with tenant_scope(tenant.pk):
        source = Source.objects.create(name="N", type=SourceType.TEXT)
        document = Document.objects.create(source=source, key="k")
        rows = [_chunk(document, at, text) for at, text in enumerate(ODD)]
        upsert(Chunk, [vars(row) for row in rows], ["ordinal"])
        for row in rows:
            assert _columns(Chunk.objects.get(pk=row.pk)) == _columns(row)
        document.error = {"detail": ODD, "code": None}
        document.metadata, document.checked_at = {}, timezone.now()
        document.text = "".join(ODD)
        upsert(Document, [vars(document)], ["error", "metadata", "checked_at", "text"])
        assert _columns(Document.objects.get()) == _columns(document)


@pytest.mark.parametrize("half", HALVES)
def test_of_a_row_that_is_written_twice_the_last_one_counts(tenant: Tenant, half: str) -> None:
    assert connection.vendor == DRIVERS[half]
    with tenant_scope(tenant.pk):
        row = a_source()
        other = a_source()
        upsert(Source, [{**vars(row), "name": name} for name in "ABC"] + [vars(other)], ["name"])
        assert Source.objects.get(pk=row.pk).name == "C"
        assert Source.objects.get(pk=other.pk).name == "N"


@pytest.mark.services
def test_what_a_column_has_no_room_for_is_refused_not_cut_off(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        for wrong in ({"name": "N" * 1000}, {"name": "a\0b"}):
            with pytest.raises(DataError), transaction.atomic():
                upsert(Source, [vars(a_source()), {**vars(a_source()), **wrong}], ["name"])
        assert not Source.objects.exists()


@pytest.mark.parametrize("half", HALVES)
def test_nothing_is_written_in_a_transaction_that_failed(tenant: Tenant, half: str) -> None:
    assert connection.vendor == DRIVERS[half]
    with tenant_scope(tenant.pk), transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            upsert(Source, [vars(a_source())], ["name"])
    with tenant_scope(tenant.pk):
        assert not Source.objects.exists()


def _chunk(document: Document, at: int, text: str) -> Chunk:
    return Chunk(
        tenant_id=document.tenant_id, document=document, source_id=document.source_id,
        ordinal=at, text=text, text_hash=str(at), start=at, end=at + 1, page=at if at % 2 else None,
        page_breaks=[[at, 2]] if at else [], heading_path=[text, "B"], token_count=1,
        enabled=bool(at % 3), qdrant_point_id=uuid4(), embedded_hash="",
    )  # fmt: skip


def _columns(row: Chunk | Document) -> dict[str, Any]:
    names = [field.attname for field in row._meta.concrete_fields]
    return {name: getattr(row, name) for name in names if name not in ("created_at", "updated_at")}
