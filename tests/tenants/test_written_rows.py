"""A row goes to the tenant whose scope is open, by every way of writing, or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sources.models import Source, SourceType
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


def test_a_row_of_another_tenant_with_the_same_id_stays(
    tenant: Tenant, other_tenant: Tenant
) -> None:
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
