"""Who may see across tenants is a list, and every tenant row is behind the scoped manager."""

from __future__ import annotations

import ast
import re
import uuid

import pytest
from django.apps import apps
from django.db import models

from tenants.models import Tenant
from tenants.scope import ScopedManager, ScopeError, platform_scope, tenant_scope
from tests.architecture.tree import ROOT, modules

# What is cross-tenant by nature. A new caller is a decision: name it here with its reason.
PLATFORM_CALLERS: dict[str, str] = {}

# Rows that belong to no single tenant.
GLOBAL_MODELS = {"tenants.User"}


def platform_callers() -> set[str]:
    found = set()
    for path, tree in modules().items():
        if path == "tenants/scope.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in ("platform_scope", "PlatformScope"):
                    found.add(path)
    return found


def test_platform_scope_is_entered_only_where_listed() -> None:
    assert platform_callers() == set(PLATFORM_CALLERS)


def our_models() -> list[type[models.Model]]:
    ours = {"tenants", "sources", "usage", "bots", "ingestion", "chat"}
    return [model for model in apps.get_models() if model._meta.app_label in ours]


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_every_row_is_behind_the_scoped_manager(model: type[models.Model]) -> None:
    if model._meta.label in GLOBAL_MODELS or model._meta.auto_created:
        return
    assert isinstance(model._default_manager, ScopedManager)
    assert isinstance(model._base_manager, ScopedManager)
    with pytest.raises(ScopeError):
        list(model._default_manager.all()[:1])


def test_no_other_way_to_a_queryset() -> None:
    """``QuerySet(Model)`` and raw SQL would walk around the manager."""
    wrong = []
    for path in modules():
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if re.search(r"\.raw\(|\bQuerySet\(\w|_raw_delete|\.extra\(", line):
                wrong.append(f"{path}:{number} {line.strip()}")
    assert not wrong


@pytest.mark.django_db
def test_a_tenant_sees_its_own_row_only(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        assert list(Tenant.objects.all()) == [tenant]
    with tenant_scope(uuid.uuid4()):
        assert not Tenant.objects.exists()
    with platform_scope("tests"):
        assert set(Tenant.objects.all()) >= {tenant, other_tenant}
