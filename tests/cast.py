"""The cast: two tenants with people, bots and tokens of their own, and a stranger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


@pytest.fixture
def tenant(db: None) -> Tenant:
    """Tenant A."""
    with platform_scope("tests"):
        return Tenant.objects.create(name="Acorn", slug="acorn")


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    """Tenant B, whose objects must never be seen from A."""
    with platform_scope("tests"):
        return Tenant.objects.create(name="Birch", slug="birch")


@pytest.fixture
def in_tenant(tenant: Tenant) -> Iterator[Tenant]:
    """Tenant A with its scope open."""
    with tenant_scope(tenant.pk):
        yield tenant
